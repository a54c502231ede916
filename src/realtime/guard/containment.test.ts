import { definePlugins, type Room as EngineSide, RoomPlugin } from "@colyseus/core";
import { type SchemaType, schema, t } from "@colyseus/schema";
import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes } from "../../../schema/protocol.ts";
import { startTestApp, type TestPlayer, until } from "../../testing/app.ts";
import { TIMED } from "../../testing/timed.ts";
import type { EngineClient } from "../engine.ts";
import { GameRoom } from "../game-room.ts";
import { message } from "../message.ts";
import type { FaultPolicy } from "./faults.ts";

const World = schema({ tick: t.uint32().default(0), people: t.int8().default(0) }, "FragileWorld");
type World = SchemaType<typeof World>;
const Nothing = schema({ none: t.int8().default(0) }, "Nothing");
type Nothing = { none: number };

/** Rooms that fail in every way a handler can, each with another policy. */
class FragileRoom extends GameRoom<World, Nothing> {
  readonly tickHz = 20;
  readonly patchEvery = 1;
  readonly input = { type: Nothing, idle: { none: 0 }, ranges: {} } as const;
  #slots = 0;

  override messages = {
    fail: message(z.strictObject({}), () => {
      throw new Error("secret of the house");
    }),
    failLater: message(z.strictObject({}), async () => {
      await Promise.resolve();
      throw new Error("secret of the house");
    }),
    plain: (_client: EngineClient, payload: { deep: { missing: number } }) => payload.deep.missing,
    plainLater: async (_client: EngineClient, payload: { deep: { missing: number } }) => payload.deep.missing,
    block: message(z.strictObject({ ms: z.int().max(3000) }), (_player, { ms }) => {
      const startedMs = performance.now();
      while (performance.now() - startedMs < ms);
      return "done";
    }),
  };

  createWorld(): World {
    return new World();
  }
  step(world: World): void {
    world.tick += 1;
  }
  enter(world: World): number {
    world.people += 1;
    return this.#slots++;
  }
  drop(): void {}
  comeBack(): void {}
  exit(world: World): void {
    world.people -= 1;
  }
}

class KickingRoom extends FragileRoom {
  override readonly onFault: FaultPolicy = "kick";
}

class ClosingRoom extends FragileRoom {
  override readonly onFault: FaultPolicy = "close";
}

const heard: string[] = [];
let unwelcome = "";

class Chronicler extends RoomPlugin {
  override readonly pluginName = "chronicler" as const;
  override onCreate(): void {
    heard.push("create");
  }
  override onJoin(client: EngineClient): void {
    heard.push("join");
    if ((client.auth as { accountId: string }).accountId === unwelcome) throw new Error("secret of the plugin");
  }
  override onLeave(): void {
    heard.push("leave");
  }
  override onDispose(): void {
    heard.push("dispose");
  }
}

class PluginRoom extends FragileRoom {
  override plugins = definePlugins([new Chronicler()]) as unknown as NonNullable<EngineSide["plugins"]>;
}

const entry = (room: typeof FragileRoom) => ({
  room,
  filters: () => z.strictObject({ lane: z.string().max(20).default("a") }),
});
const app = await startTestApp({
  rooms: {
    fragile: entry(FragileRoom),
    kicking: entry(KickingRoom),
    closing: entry(ClosingRoom),
    plugged: entry(PluginRoom),
  },
});

async function join(name: string, player?: TestPlayer): Promise<Room<never, World>> {
  const room = await app.join<World>(player ?? (await app.guest()), name);
  for (const type of ["welcome", "error"]) room.onMessage(type, () => {});
  await until(() => room.state?.people);
  return room;
}

const closed = (room: Room) => new Promise<number>((resolve) => room.onLeave((code) => resolve(code)));

test("[CONTAIN1] T1: a handler's failure, thrown or rejected, is answered with a coded error and nothing of its cause", async () => {
  const player = await app.guest();
  const room = await join("fragile", player);
  for (const type of ["fail", "failLater", "plain", "plainLater"]) {
    const refusal = await room.request(type, {}).catch((error: unknown) => error);
    expect(JSON.stringify(refusal), type).toContain("INTERNAL");
    expect(JSON.stringify(refusal), type).not.toMatch(/secret|undefined|missing/);
  }
  const answered = app.log.filter((line) => line["msg"] === "error.answered" && line["roomId"] === room.roomId);
  for (const line of answered)
    expect(line).toMatchObject({ accountId: player.accountId, err: { stack: expect.stringMatching(/\n +at /) } });
  expect(answered.map((line) => line["hook"])).toEqual([
    "message fail",
    "message failLater",
    "message plain",
    "message plainLater",
  ]);
  expect(room.connection.isOpen).toBe(true);
  await room.leave();
});

test("[CONTAIN2] a room that says kick sends away the offender alone, and frees the seat", async () => {
  const [offender, other] = [await join("kicking"), await join("kicking")];
  await until(() => other.state.people === 2);
  const code = closed(offender);
  offender.send("fail", {});
  expect(await code).toBe(closeCodes.FAULT);
  await until(() => other.state.people === 1);
  expect(other.connection.isOpen).toBe(true);
  await other.leave();
});

test("[CONTAIN2] a room that says close sends everyone home with the reason", async () => {
  const [one, other] = [await join("closing"), await join("closing")];
  const codes = Promise.all([closed(one), closed(other)]);
  one.send("failLater", {});
  expect(await codes).toEqual([closeCodes.FAULT, closeCodes.FAULT]);
});

test(
  "[CONTAIN3] T18: a handler that blocks the loop for two seconds is named by the watchdog, and the others go on",
  TIMED,
  async () => {
    const [culprit, other] = [await join("fragile"), await join("kicking")];
    const tickBefore = other.state.tick;
    expect(await culprit.request("block", { ms: 2000 })).toBe("done");
    const line = await until(() => app.log.find(({ msg, hook }) => msg === "loop.blocked" && hook === "message block"));
    expect(line).toMatchObject({ level: "warn", room: "fragile", roomId: culprit.roomId });
    expect(line["blockedMs"]).toBeGreaterThan(1800);
    expect(line["blockedMs"]).toBeLessThan(2600);
    await until(() => other.state.tick > tickBefore + 20);
    expect(other.connection.isOpen && culprit.connection.isOpen).toBe(true);
    await Promise.all([culprit.leave(), other.leave()]);
  },
);

test("[CONTAIN3] a block of 150 ms is named too", async () => {
  const room = await join("fragile");
  const before = app.log.filter(({ msg }) => msg === "loop.blocked").length;
  await room.request("block", { ms: 220 });
  await until(() => app.log.filter(({ msg }) => msg === "loop.blocked").length > before);
  await room.leave();
});

test("[CONTAIN4] row K: a plugin hears of the first room's whole life, as of every other's", async () => {
  for (let instance = 1; instance <= 2; instance++) {
    heard.length = 0;
    const room = await join("plugged");
    await room.leave();
    await until(() => heard.includes("dispose"));
    expect(heard).toEqual(["create", "join", "leave", "dispose"]);
  }
});

test("[CONTAIN4] a plugin that fails at the door is answered like the room: a code, and nothing of the cause", async () => {
  const player = await app.guest();
  unwelcome = player.accountId;
  const refusal = await app.join(player, "plugged").catch((error: Error) => error.message);
  expect(refusal).toMatch(/^INTERNAL: /);
  expect(refusal).not.toContain("secret");
});
