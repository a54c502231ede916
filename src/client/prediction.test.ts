import { matchMaker } from "@colyseus/core";
import { type SchemaType, schema, t } from "@colyseus/schema";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import type { EngineClientPrivate } from "../realtime/engine.ts";
import { GameRoom } from "../realtime/game-room.ts";
import type { Inputs } from "../realtime/inputs.ts";
import type { Guest } from "../realtime/seats.ts";
import { startTestApp, until } from "../testing/app.ts";
import { createClient } from "./client.ts";
import { addLatency } from "./latency.ts";
import type { Match } from "./match.ts";
import { type Prediction, predictSelf } from "./prediction.ts";

/** A meadow to walk on. The wind and the mole are the server's own: the test moves walkers behind the players' backs. */
const Walker = schema(
  {
    x: t.float32().default(0),
    y: t.float32().default(0),
    steps: t.uint16().default(0),
    asleep: t.boolean().default(false),
  },
  "Walker",
);
type Walker = SchemaType<typeof Walker>;
const Meadow = schema({ tick: t.uint32().default(0), walkers: t.map(Walker) }, "Meadow");
type Meadow = SchemaType<typeof Meadow>;
const Stride = schema({ dx: t.int8().default(0), dy: t.int8().default(0) }, "Stride");
interface Stride {
  dx: number;
  dy: number;
}

/** A sixteenth of a unit a step: exact in every float. */
function walk(walker: Pick<Walker, "x" | "y" | "steps" | "asleep">, { dx, dy }: Readonly<Stride>): void {
  if (walker.asleep) return;
  walker.x += dx / 16;
  walker.y += dy / 16;
  if (dx !== 0 || dy !== 0) walker.steps += 1;
}

class MeadowRoom extends GameRoom<Meadow, Stride, never, { field: string }> {
  readonly tickHz = 40;
  readonly patchEvery = 2;
  readonly input = { type: Stride, idle: { dx: 0, dy: 0 }, ranges: { dx: [-1, 1], dy: [-1, 1] } } as const;
  override maxClients = 4;

  createWorld(): Meadow {
    return new Meadow();
  }
  step(world: Meadow, inputs: Inputs<Stride>): void {
    world.tick += 1;
    for (const [slot, walker] of world.walkers) for (const input of inputs.of(Number(slot))) walk(walker, input);
  }
  enter(world: Meadow, _guest: Guest): number {
    let slot = 0;
    while (world.walkers.has(String(slot))) slot += 1;
    world.walkers.set(String(slot), new Walker());
    return slot;
  }
  drop(): void {}
  comeBack(): void {}
  exit(world: Meadow, slot: number): void {
    world.walkers.delete(String(slot));
  }
}

const app = await startTestApp({
  rooms: {
    meadow: {
      room: MeadowRoom,
      filters: (region) =>
        z.strictObject({ field: z.string().max(20).default("one"), region: z.literal(region).default(region) }),
    },
  },
});

let fields = 0;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function enter(field = `field-${fields++}`) {
  const client = createClient({ endpoint: app.url, session: "token", random: () => 0 });
  await client.accounts.ensureGuest();
  const match = await client.join<Meadow>("meadow", { field });
  const prediction = predictSelf<Meadow, Walker, Stride>(match, {
    self: (state) => match.self<Walker>(state.walkers),
    fields: ["x", "y", "steps", "asleep"],
    drawn: ["x", "y"],
    step: walk,
    others: { walkers: ["x", "y"] },
    snapUnits: 3,
  });
  ends.push(async () => {
    prediction.stop();
    await match.leave();
  });
  return { match, prediction, field };
}

type Player = Awaited<ReturnType<typeof enter>>;

/** The player's own walker, in the client's state and in the server's. */
const seen = ({ match }: Player) => match.self<Walker>(match.state.walkers);
const truth = ({ match }: Player) => serverRoom(match).state.walkers.get(String(match.slot));

function serverRoom(match: Match<Meadow>) {
  const room = matchMaker.getLocalRoomById(match.room.roomId);
  if (room === undefined) throw new Error("the room is gone");
  return room as unknown as { state: Meadow; clients: ServerClient[] };
}

interface ServerClient {
  readonly sessionId: string;
  readonly ref: { terminate(): void };
  raw: (frame: Uint8Array) => void;
}

const still: Stride = { dx: 0, dy: 0 };

/** Draws frames, with `stride` in every input, until `read` gives something. */
function play<T>(player: Player, stride: Stride, read: () => T | undefined | false): Promise<T> {
  return until(() => {
    player.prediction.frame(performance.now(), (input) => Object.assign(input, stride));
    return read();
  });
}

/** Stands still until everything that was sent is known at both ends. */
async function settle(player: Player): Promise<void> {
  const { input } = player.prediction;
  await play(player, still, () => input.sentCount > 0);
  const sent = input.sentCount;
  await play(player, still, () => input.lastProcessed > sent);
}

const predicted = (prediction: Prediction<Walker, Stride>) => {
  const body = prediction.reconciler?.state;
  return body && { x: body.x, y: body.y, steps: body.steps };
};
const place = (walker: Walker | undefined) => walker && { x: walker.x, y: walker.y, steps: walker.steps };

test("[CLIENT12] the own entity moves in the frame that sends the input, before the server has heard of it", async () => {
  const player = await enter();
  const { prediction } = player;
  await play(player, still, () => prediction.input.sentCount > 0);
  const sentBefore = prediction.input.sentCount;
  await play(player, { dx: 1, dy: 0 }, () => prediction.input.sentCount > sentBefore);
  const sent = prediction.input.sentCount - sentBefore;
  expect(prediction.reconciler?.state.x).toBe(sent / 16);
  expect(truth(player)?.x).toBe(0);
});

test("[CLIENT12] the server agrees with the prediction to the last bit, so nothing is ever corrected", async () => {
  const player = await enter();
  const { prediction } = player;
  for (const stride of [
    { dx: 1, dy: 0 },
    { dx: 1, dy: -1 },
    { dx: -1, dy: 1 },
  ]) {
    const from = prediction.input.sentCount;
    await play(player, stride, () => prediction.input.sentCount > from + 15);
  }
  await settle(player);
  expect(truth(player)?.steps).toBeGreaterThanOrEqual(45);
  expect(predicted(prediction)).toEqual(place(truth(player)));
  expect(place(seen(player))).toEqual(place(truth(player)));
  expect(prediction.corrections).toMatchObject({ moved: 0, maxUnits: 0 });
  expect(prediction.corrections.count).toBeGreaterThan(10);
});

test("[CLIENT12] others are drawn in the past, between the places where they were", async () => {
  const walker = await enter();
  const watcher = await enter(walker.field);
  const distances: number[] = [];
  const from = walker.prediction.input.sentCount;
  await play(walker, { dx: 1, dy: 0 }, () => {
    watcher.prediction.frame(performance.now(), () => {});
    const other = watcher.match.state.walkers.get(String(walker.match.slot));
    if (other !== undefined && other.x > 1) distances.push(other.x - watcher.prediction.valueOf(other, "x"));
    return walker.prediction.input.sentCount > from + 60;
  });
  // 100 ms behind are four steps and up to one patch more; what a busy machine holds up comes on top.
  const mean = distances.reduce((sum, units) => sum + units, 0) / distances.length;
  expect(mean).toBeGreaterThan(1 / 16);
  expect(mean).toBeLessThan(16 / 16);
  expect(new Set(distances).size).toBeGreaterThan(distances.length / 2);
});

test("[CLIENT13] after a drop the counters begin anew, the prediction stands on the server's state, and others still move", async () => {
  const player = await enter();
  const { match, prediction } = player;
  await play(player, { dx: 1, dy: 0 }, () => prediction.input.sentCount > 20);
  await settle(player);
  const entity = seen(player);
  serverRoom(match)
    .clients.find(({ sessionId }) => sessionId === match.room.sessionId)
    ?.ref.terminate();
  await until(() => !match.isConnected);
  const far = truth(player);
  if (far !== undefined) far.x = 10;
  // Between the open socket and the whole state lies a round trip, in which nothing is sent.
  addLatency(match).set({ delayMs: 60, jitterMs: 0 });
  let openFrames = 0;
  let sent = 0;
  await until(() => {
    if (match.isConnected) return true;
    if (match.room.connection.isOpen) openFrames += 1;
    sent += prediction.frame(performance.now(), (input) => Object.assign(input, still));
    return false;
  });
  expect(openFrames).toBeGreaterThan(5);
  expect([sent, prediction.input.sentCount]).toEqual([0, 0]);
  expect(seen(player)).toBe(entity);
  expect(prediction.reconciler?.state.x).toBe(10);
  const from = prediction.input.sentCount;
  await play(player, { dx: 0, dy: 1 }, () => prediction.input.sentCount > from + 20);
  await settle(player);
  expect(prediction.input.pendingCount).toBeLessThan(20);
  expect(predicted(prediction)).toEqual(place(truth(player)));
  const newcomer = await enter(player.field);
  await play(newcomer, { dx: 1, dy: 0 }, () => {
    prediction.frame(performance.now(), () => {});
    const other = match.state.walkers.get(String(newcomer.match.slot));
    return other !== undefined && other.x > 1 && prediction.valueOf(other, "x") < other.x;
  });
});

test("[CLIENT13] [SYNC3] a whole state in the middle of a match, after patches were missed, changes nothing for the prediction", async () => {
  const player = await enter();
  const { match, prediction } = player;
  await play(player, { dx: 1, dy: 0 }, () => prediction.input.sentCount > 20);
  const entity = seen(player);
  const [client] = serverRoom(match).clients as unknown as EngineClientPrivate[];
  if (client === undefined) throw new Error("nobody is there");
  const { raw, rawStamped } = client;
  const breaks = () => {
    Object.assign(client, { raw, rawStamped });
    throw new Error("the patch is broken");
  };
  Object.assign(client, { raw: breaks, rawStamped: breaks });
  const { serializer } = match.room;
  const setState = serializer.setState.bind(serializer);
  let states = 0;
  serializer.setState = (...frame) => {
    states += 1;
    setState(...frame);
  };
  const from = prediction.input.sentCount;
  await play(player, { dx: 1, dy: 1 }, () => states > 0 && prediction.input.sentCount > from + 20);
  await settle(player);
  expect(states).toBe(1);
  expect(seen(player)).toBe(entity);
  expect(predicted(prediction)).toEqual(place(truth(player)));
  expect(prediction.corrections).toMatchObject({ moved: 0, maxUnits: 0 });
});

test("[CLIENT13] an own entity that is taken away and put back is predicted again", async () => {
  const player = await enter();
  const { match, prediction } = player;
  await play(player, { dx: 1, dy: 0 }, () => prediction.input.sentCount > 5);
  const slot = String(match.slot);
  const former = prediction.reconciler;
  serverRoom(match).state.walkers.delete(slot);
  await play(player, { dx: 1, dy: 0 }, () => prediction.reconciler === undefined);
  expect(former?.dead).toBe(true);
  const again = new Walker();
  again.x = -4;
  serverRoom(match).state.walkers.set(slot, again);
  await play(player, still, () => prediction.reconciler !== undefined);
  const from = prediction.input.sentCount;
  await play(player, { dx: -1, dy: 0 }, () => prediction.input.sentCount > from + 10);
  await settle(player);
  expect(truth(player)?.x).toBeLessThan(-4);
  expect(predicted(prediction)).toEqual(place(truth(player)));
  const entity = seen(player);
  expect(entity && prediction.valueOf(entity, "x")).toBe(truth(player)?.x);
});

test("[CLIENT14] a gust is measured in units and fades, a mole hole is drawn at once", async () => {
  const player = await enter();
  const { prediction } = player;
  await settle(player);
  const walker = truth(player);
  const entity = seen(player);
  if (walker === undefined || entity === undefined) throw new Error("nobody is there");
  walker.x += 1.5;
  walker.y += 2;
  await play(player, still, () => prediction.corrections.moved === 1);
  expect(prediction.corrections.maxUnits).toBeCloseTo(2.5, 5);
  // The rest of a patch later it is on its way, and not there yet.
  expect(prediction.reconciler?.state.x).toBe(1.5);
  expect(prediction.valueOf(entity, "x")).toBeLessThan(1.4);
  await play(player, still, () => Math.abs(prediction.valueOf(entity, "x") - 1.5) < 0.01);
  expect(prediction.corrections.moved).toBe(1);
  walker.x = 30;
  await play(player, still, () => prediction.corrections.moved === 2);
  expect(prediction.corrections.lastUnits).toBeCloseTo(28.5, 5);
  expect(prediction.valueOf(entity, "x")).toBe(30);
  expect(prediction.valueOf(entity, "steps")).toBe(0);
});
