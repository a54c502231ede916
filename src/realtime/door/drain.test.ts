import { type SchemaType, schema, t } from "@colyseus/schema";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes } from "../../../schema/protocol.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { GameRoom } from "../game-room.ts";
import { message } from "../message.ts";

const Match = schema({ tick: t.uint32().default(0), isOn: t.boolean().default(true) }, "Match");
type Match = SchemaType<typeof Match>;
const Nothing = schema({ nothing: t.uint8().default(0) }, "Nothing");

/** A room whose match ends when it is told to. */
class MatchRoom extends GameRoom<Match, { nothing: number }> {
  readonly tickHz = 20;
  readonly patchEvery = 1;
  readonly input = { type: Nothing, idle: { nothing: 0 }, ranges: {} };
  override messages = {
    end: message(z.strictObject({}), function (this: MatchRoom) {
      this.state.isOn = false;
    }),
  };
  createWorld(): Match {
    return new Match();
  }
  step(world: Match): void {
    world.tick += 1;
  }
  enter(): number {
    return 0;
  }
  drop(): void {}
  comeBack(): void {}
  exit(): void {}
  override mayClose(world: Match): boolean {
    return !world.isOn;
  }
}

const app = await startTestApp({
  rooms: { match: { room: MatchRoom, filters: () => z.strictObject({}) } },
  settings: { DRAIN_SECONDS: "60" },
});

test("[ROOM15] a stopping process takes no new joins and lets the match end", async () => {
  const room = await app.join<Match>(await app.guest(), "match");
  room.onMessage("welcome", () => {});
  const late = await app.ticket(await app.guest(), "match");
  await until(() => room.state?.tick);
  const left = new Promise<number>((resolve) => room.onLeave((code) => resolve(code)));
  const stopped = app.stop();
  const refused = await app.call("POST", "/matchmake/joinOrCreate/match", { token: late, body: {} });
  expect(refused).toMatchObject({ status: 503, body: { code: "UNAVAILABLE" } });
  expect(refused.headers.get("retry-after")).toBe("1");
  const unready = await app.call("GET", "/readyz");
  expect(unready).toMatchObject({ status: 503, body: { details: { reason: "draining" } } });
  expect(unready.headers.get("retry-after")).toBe("1");
  const tick = room.state.tick;
  await until(() => room.state.tick > tick + 10);
  room.send("end", {});
  expect(await left).toBe(closeCodes.SERVER_SHUTDOWN);
  await stopped;
});
