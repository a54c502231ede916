import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import {
  type ArenaEvent,
  type ArenaInput,
  type ArenaWorld,
  buttons,
  phases,
  wearables,
} from "../../schema/state/arena.ts";
import { startTestApp, type TestPlayer, until } from "../../src/testing/app.ts";
import { catalogue } from "../catalogue/index.ts";
import { rooms } from "../index.ts";

/** Something of each kind to wear, at once. */
const kit = {
  title: "Kit",
  gives: { items: { "skin-frost": 1, "trail-comet": 1 } },
  price: { kind: "money", money: { currency: "EUR", amount: 100 } },
} as const;
const app = await startTestApp({
  rooms,
  catalogue: { ...catalogue, offers: { ...catalogue.offers, kit } },
  settings: { BOT_FILL: "3" },
});

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
  stats: Record<string, number>;
}
const progress = async (player: TestPlayer) =>
  (await app.call("GET", "/api/progression/me", { token: player.token })).body as Progress;

const nothing = { kills: 0, "best-match": 0 };

async function propertyOf({ token }: TestPlayer) {
  const { balances } = (await app.call("GET", "/api/wallet", { token })).body as {
    balances: { currency: string; balance: string }[];
  };
  const { holdings } = (await app.call("GET", "/api/inventory", { token })).body as {
    holdings: { item: string; quantity: number }[];
  };
  return {
    gold: balances.find(({ currency }) => currency === "gold")?.balance,
    scrap: holdings.find(({ item }) => item === "scrap")?.quantity,
  };
}

/** Buys the kit with the money of the local provider, and puts all of it on. */
async function dressUp({ token }: TestPlayer): Promise<void> {
  const post = async (path: string, body: object) =>
    (await app.call("POST", path, { token, body: { ...body } })).body as never;
  const order: { next: { confirmation: string } } = await post("/api/payments/orders", {
    key: "kit",
    offer: "kit",
    provider: "local",
  });
  await post("/api/payments/local/confirm", { confirmation: order.next.confirmation });
  const { body } = await app.call("GET", "/api/inventory", { token });
  const { holdings } = body as { holdings: { id: string }[] };
  for (const { id } of holdings) await post("/api/inventory/equip", { key: id, itemId: id });
}

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
  // The catalogue's stats and rewards come with it: 60 gold and 5 scrap for the winner, 40 and 3 for the other.
  expect([mine.stats, theirs.stats]).toEqual([nothing, nothing]);
  expect([await propertyOf(guest), await propertyOf(other)]).toEqual([
    { gold: "60", scrap: 5 },
    { gold: "40", scrap: 3 },
  ]);
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

test("[MATCH6] what a player wears is in the state that others decode; bots, and who has nothing on, wear nothing", async () => {
  const [plain, dressed] = [await app.guest(), await app.guest()];
  await dressUp(dressed);
  const witness = await join(plain);
  const player = await join(dressed);
  expect(player.room.roomId).toBe(witness.room.roomId);
  const seen = (slot: number) => witness.room.state.players.get(String(slot));
  await until(() => (seen(player.slot)?.skin ?? 0) > 0);
  expect(wearables.skin[seen(player.slot)?.skin ?? 0]).toBe("skin-frost");
  expect(wearables.trail[seen(player.slot)?.trail ?? 0]).toBe("trail-comet");
  const others = [...witness.room.state.players.values()].filter(({ slot }) => slot !== player.slot);
  expect(others.map(({ bot, skin, trail }) => ({ bot, skin, trail }))).toEqual([
    { bot: false, skin: 0, trail: 0 },
    { bot: true, skin: 0, trail: 0 },
  ]);
  // Taken off while the match is on: the next join shows it.
  const off = { token: dressed.token, body: { key: "off", slot: "skin" } };
  expect((await app.call("POST", "/api/inventory/unequip", off)).status).toBe(200);
  await player.room.leave();
  await until(() => seen(player.slot) === undefined || seen(player.slot)?.bot);
  const again = await join(dressed);
  await until(() => (seen(again.slot)?.trail ?? 0) > 0);
  expect(seen(again.slot)).toMatchObject({ skin: 0, trail: wearables.trail.indexOf("trail-comet") });
  await Promise.all([witness.room.leave(), again.room.leave()]);
});

test("[MATCH6] everything of the catalogue that is worn has a place in what travels", () => {
  const known: Readonly<Record<string, readonly (string | null)[]>> = wearables;
  for (const [key, item] of Object.entries(catalogue.items)) {
    if ("slot" in item) expect(known[item.slot]).toContain(key);
  }
});
