import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { type ArenaEvent, type ArenaInput, type ArenaWorld, buttons, phases } from "../../schema/state/arena.ts";
import { startTestApp, type TestPlayer, until } from "../../src/testing/app.ts";
import { rooms } from "../index.ts";

const app = await startTestApp({ rooms, settings: { BOT_FILL: "3" } });

interface Recorded {
  matchId: string;
  xpGained: number;
  xp: number;
}

interface Joined {
  readonly room: Room<never, ArenaWorld>;
  readonly slot: number;
  readonly events: ArenaEvent[];
  readonly recorded: Recorded[];
  /** Sends the same input 40 times a second until the returned function is called. */
  hold(input: Partial<Record<"moveX" | "moveY" | "aim" | "buttons", number>>): () => void;
}

async function join(player: TestPlayer, filters: object = {}): Promise<Joined> {
  const room = await app.join<ArenaWorld>(player, "arena", filters);
  const events: ArenaEvent[] = [];
  const recorded: Recorded[] = [];
  room.onMessage("events", (some) => void events.push(...some));
  room.onMessage("recorded", (one) => void recorded.push(one));
  const welcome = await new Promise<{ slot: number }>((resolve) => room.onMessage("welcome", resolve));
  await until(() => room.state?.players?.size);
  const handle = room.input<ArenaInput>({ mode: "reliable" });
  const hold: Joined["hold"] = (input) => {
    Object.assign(handle.data, input);
    const timer = setInterval(() => handle.send(), 25);
    return () => clearInterval(timer);
  };
  return { room, slot: welcome.slot, events, recorded, hold };
}

const phaseIs =
  ({ room }: Joined, phase: number) =>
  () =>
    room.state.phase === phase;
const people = ({ room }: Joined) => [...room.state.players.values()].filter((player) => !player.bot).length;

interface Progress {
  xp: number;
  matches: number;
}
const progress = async (player: TestPlayer) =>
  (await app.call("GET", "/api/progression/me", { token: player.token })).body as Progress;

test("[MATCH1] a guest is in a match with bots within seconds, moves and shoots", async () => {
  const player = await join(await app.guest());
  expect(player.room.state.players.size).toBe(3);
  await until(phaseIs(player, phases.playing));
  const self = player.room.state.players.get(String(player.slot));
  const start = { x: self?.x ?? 0, y: self?.y ?? 0 };
  const release = player.hold({ moveX: start.x > 0 ? -127 : 127, buttons: buttons.fire });
  await until(() => Math.abs((self?.x ?? 0) - start.x) > 1);
  await until(() => player.events.some((event) => event.type === "shot" && event.slot === player.slot));
  release();
  await player.room.leave();
});

test("[MATCH2] what was played is on the account once the match is over, and the player is told only then", async () => {
  const [guest, other] = [await app.guest(), await app.guest()];
  const [player, opponent] = [await join(guest, { mode: "duel" }), await join(other, { mode: "duel" })];
  expect(opponent.room.roomId).toBe(player.room.roomId);
  await until(phaseIs(player, phases.playing));
  const startedAt = player.room.state.tick;
  await until(() => player.room.state.tick - startedAt > 40);
  await opponent.room.leave();
  const [told] = await until(() => player.recorded.length > 0 && player.recorded);
  const mine = await progress(guest);
  expect(mine).toMatchObject({ xp: told?.xp, matches: 1 });
  expect(told?.xpGained).toBeGreaterThan(0);
  const { body } = await app.call("GET", "/api/progression/matches", { token: guest.token });
  expect((body as { matches: unknown[] }).matches).toMatchObject([
    { matchId: told?.matchId, mode: "duel", placement: 1 },
  ]);
  const theirs = await progress(other);
  expect(theirs.matches).toBe(1);
  expect(theirs.xp).toBeGreaterThan(0);
  await player.room.leave();
});

test("[MATCH2] who leaves a match against bots finds the experience of what was played", async () => {
  const guest = await app.guest();
  const player = await join(guest);
  await until(phaseIs(player, phases.playing));
  const startedAt = player.room.state.tick;
  await until(() => player.room.state.tick - startedAt > 40);
  await player.room.leave();
  let mine = await progress(guest);
  for (let tries = 0; tries < 50 && mine.matches === 0; tries++) mine = await progress(guest);
  expect(mine).toMatchObject({ matches: 1, wins: 0 });
  expect(mine.xp).toBeGreaterThan(0);
});

test("[MATCH3] nobody hears another's account id, in events or in the state", async () => {
  const [guest, other] = [await app.guest(), await app.guest()];
  const [player, opponent] = [await join(guest, { mode: "duel" }), await join(other, { mode: "duel" })];
  await until(phaseIs(player, phases.playing));
  const startedAt = player.room.state.tick;
  await until(() => player.room.state.tick - startedAt > 5);
  await opponent.room.leave();
  const ended = await until(() => player.events.find((event) => event.type === "matchEnded"));
  expect(JSON.stringify([ended, player.room.state])).not.toContain("acc_");
  await player.room.leave();
});

test("[MATCH4] bots give way to people, and a duel seats two", async () => {
  const seats = [await join(await app.guest()), await join(await app.guest())];
  const [first] = seats;
  if (first === undefined) throw new Error("nobody joined");
  await until(() => people(first) === 2);
  expect(first.room.state.players.size).toBe(3);
  const duels = await Promise.all([1, 2, 3].map(async () => join(await app.guest(), { mode: "duel" })));
  expect(new Set(duels.map(({ room }) => room.roomId)).size).toBe(2);
  await Promise.all([...seats, ...duels].map(({ room }) => room.leave()));
});

test("[MATCH5] a dropped player stands where it was and goes on from there", async () => {
  const [player, witness] = [await join(await app.guest()), await join(await app.guest())];
  player.room.reconnection.minUptime = 0;
  const seen = () => witness.room.state.players.get(String(player.slot));
  const back = new Promise<void>((resolve) => player.room.onReconnect(() => resolve()));
  player.room.connection.close();
  await until(() => seen()?.connected === false);
  await back;
  await until(() => seen()?.connected === true);
  await Promise.all([player.room.leave(), witness.room.leave()]);
});
