import { type SchemaType, schema, t } from "@colyseus/schema";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { startTestApp, until } from "../testing/app.ts";
import { GameRoom } from "./game-room.ts";
import { message } from "./message.ts";

const TICK_HZ = 20;
const World = schema({ tick: t.uint32().default(0), rangAtTick: t.uint32().default(0) }, "TimedWorld");
type World = SchemaType<typeof World>;
const Nothing = schema({ none: t.int8().default(0) }, "TimedInput");

class TimedRoom extends GameRoom<World, { none: number }> {
  readonly tickHz = TICK_HZ;
  readonly patchEvery = 1;
  readonly input = { type: Nothing, idle: { none: 0 }, ranges: {} } as const;

  override messages = {
    ring: message(z.strictObject({ afterMs: z.int() }), (_player, { afterMs }) => {
      const setAtTick = this.state.tick;
      this.clock.setTimeout(() => {
        this.state.rangAtTick = this.state.tick;
      }, afterMs);
      return setAtTick;
    }),
  };

  createWorld(): World {
    return new World();
  }
  step(world: World): void {
    world.tick += 1;
  }
  enter(): number {
    return 0;
  }
  drop(): void {}
  comeBack(): void {}
  exit(): void {}
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const app = await startTestApp({ rooms: { timed: { room: TimedRoom, filters: () => z.strictObject({}) } } });

const wallClock = Reflect.get(Date, "now") as () => number;
/** What NTP or a resumed machine does: the wall clock is suddenly elsewhere, while monotonic time goes on. */
const stepWallClock = (byMs: number) => Reflect.set(Date, "now", () => wallClock() + byMs);
afterEach(() => stepWallClock(0));

test.each([
  ["an hour ahead", HOUR_MS],
  ["an hour back", -HOUR_MS],
  ["a week ahead", 7 * DAY_MS],
  ["a week back", -7 * DAY_MS],
])(
  "[ROOM1] T15: with the wall clock set %s the tick keeps its rate, timers their time, and sessions their life",
  async (_name, byMs) => {
    const player = await app.guest();
    const room = await app.join<World>(player, "timed");
    room.onMessage("welcome", () => {});
    await until(() => room.state?.tick);
    stepWallClock(byMs);
    const [startedMs, startTick] = [performance.now(), room.state.tick];
    const setAtTick = (await room.request("ring", { afterMs: 500 })) as number;
    await until(() => room.state.tick >= startTick + TICK_HZ, 3000);
    const hz = (room.state.tick - startTick) / ((performance.now() - startedMs) / 1000);
    expect(hz).toBeGreaterThan(TICK_HZ - 2);
    expect(hz).toBeLessThan(TICK_HZ + 2);
    expect(Math.abs(room.state.rangAtTick - setAtTick - 0.5 * TICK_HZ)).toBeLessThanOrEqual(1);
    expect(await app.call("GET", "/api/accounts/me", { token: player.token })).toMatchObject({ status: 200 });
    const another = await app.join<World>(await app.guest(), "timed");
    await Promise.all([room.leave(), another.leave()]);
  },
);
