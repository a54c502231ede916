import { secretText } from "../platform/random.ts";
import type { ServiceName, Services } from "../services/services.ts";
import { preparePlugins } from "./plugins.ts";
import type { RoomSupplies } from "./room-supplies.ts";

/** A concrete GameRoom class, whatever its world and input. */
export interface RoomClass {
  new (): { readonly tickHz: number; readonly patchEvery: number };
  readonly needs: readonly ServiceName[];
}

const SESSION_ID_BITS = 128;

/**
 * A subclass of the game's room that holds what the server gives it: supplies, and of the services exactly those that
 * the class names in `needs`. The game's own class stays untouched, so that two apps may supply it differently.
 */
export function supplyRoom(
  roomName: string,
  roomClass: RoomClass,
  supplies: RoomSupplies,
  services: Services,
): RoomClass {
  const Supplied = class extends (roomClass as unknown as new () => object) {
    /**
     * Called unbound by the engine, several times for one join if the first room it tried is full. The session id that
     * it returns is what claims the seat, so each attempt gets a fresh one of 128 bits; the engine's own has 54.
     */
    static async onAuth(ticket: string | undefined): Promise<object> {
      const admission = await supplies.tickets.check(ticket ?? "", roomName);
      return { ...admission, sessionId: secretText(supplies.random, SESSION_ID_BITS) };
    }
  };
  const given = Object.fromEntries(roomClass.needs.map((name) => [name, services[name]]));
  Object.defineProperties(Supplied.prototype, { supplies: { value: supplies }, services: { value: given } });
  preparePlugins(Supplied as never);
  return Supplied as unknown as RoomClass;
}
