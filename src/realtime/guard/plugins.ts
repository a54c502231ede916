import type { RoomPlugin } from "@colyseus/core";
import { computePluginLayout, installPluginHookWrappers, type PluginLayout } from "@colyseus/core/RoomPlugin";
import type { EngineClient } from "../engine.ts";
import type { GuardedRoom } from "./guarded-room.ts";

interface PluginRoomClass {
  new (): GuardedRoom & { readonly plugins?: Record<string, RoomPlugin> };
  __pluginLayout?: PluginLayout | null;
}

/**
 * Installs a room's plugins on its class before there is a room of it. The engine does so in the middle of making the
 * first one, after that one has already bound its hooks, so that no plugin would ever hear of the first room's life.
 */
export function preparePlugins(roomClass: PluginRoomClass): void {
  const { plugins } = new roomClass();
  if (plugins === undefined) return;
  const layout = computePluginLayout(plugins);
  installPluginHookWrappers(roomClass, layout);
  roomClass.__pluginLayout = layout;
  const join = roomClass.prototype.onJoin;
  // A plugin that fails at the door may not tell the client why, no more than the room itself.
  roomClass.prototype.onJoin = function (this: GuardedRoom, client: EngineClient) {
    return this.guard("join", () => join.call(this, client));
  };
}
