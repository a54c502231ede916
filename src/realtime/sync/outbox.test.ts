import { type Schema, type SchemaType, schema, t } from "@colyseus/schema";
import { expect, test } from "vitest";
import { closeCodes } from "../../../schema/protocol.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createSeededRandom } from "../../platform/random.ts";
import { SlowPlayer } from "../../testing/slow-player.ts";
import { SyncStage } from "../../testing/sync-stage.ts";
import { BEHIND_BEATS, Heartbeat, type PulsingSocket, SILENT_BEATS } from "../door/heartbeat.ts";
import { Outboxes } from "./outbox.ts";

const Hall = schema({ tick: t.uint32().default(0), guests: t.map("string") }, "OutboxHall");
type Hall = SchemaType<typeof Hall> & Schema;

const KIB = 1024;

function aStage(count: number) {
  const players = Array.from({ length: count }, () => new SlowPlayer());
  const stage = new SyncStage({ world: new Hall() as Hall, players });
  const patches = (patchCount: number) => {
    for (let patch = 0; patch < patchCount; patch++) {
      stage.world.tick += 1;
      stage.world.guests.set(`guest ${stage.world.tick % 20}`, `${stage.world.tick}`.repeat(100));
      stage.patch();
    }
  };
  return { stage, players, patches };
}

async function closedFor(stage: SyncStage<Hall>, reason: string): Promise<number> {
  const { values } = await stage.metrics.slowReadersClosed.get();
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
}

test("[SYNC6] state for a client that is behind is merged: after ten thousand patches one state waits for it, and messages in order", async () => {
  const { stage, players, patches } = aStage(2);
  const [slow, peer] = players as [SlowPlayer, SlowPlayer];
  patches(10);
  slow.stall();
  slow.tell(1);
  patches(10_000);
  expect(slow.waitingBytes).toBeLessThan(66 * KIB);
  expect(peer.sees).toEqual(stage.world.toJSON());
  for (const number of [2, 3, 4]) slow.tell(number);
  patches(10);
  slow.read();
  expect(slow.messages).toEqual([1]);
  patches(1);
  expect(slow.messages).toEqual([1, 2, 3, 4]);
  expect(slow.sees).toEqual(stage.world.toJSON());
  slow.tell(5);
  patches(1);
  expect(slow.messages).toEqual([1, 2, 3, 4, 5]);
  expect(slow.sees).toEqual(stage.world.toJSON());
  expect((await stage.metrics.resyncs.get()).values.map(({ value }) => value)).toEqual([1]);
});

test("[SYNC6] a client that answers late is behind although nothing waits in its socket, until it has read all of it", () => {
  const { stage, players, patches } = aStage(1);
  const [slow] = players as [SlowPlayer];
  patches(1);
  slow.pulse.beat();
  slow.pulse.beat();
  slow.stall();
  slow.pulse.ask();
  for (let beat = 0; beat < BEHIND_BEATS; beat++) slow.pulse.beat();
  patches(5);
  // What it has of the patches does not matter: it had answered nothing.
  const waitingBytes = slow.waitingBytes;
  expect(waitingBytes).toBeLessThan(20);
  slow.read(1);
  patches(5);
  expect(slow.waitingBytes).toBeLessThan(waitingBytes);
  slow.read();
  patches(1);
  expect(slow.sees).toEqual(stage.world.toJSON());
});

test("[SYNC7] T14: no more than 1 MiB ever waits for one client, and at the first frame beyond it is sent to redial", async () => {
  const { stage, players, patches } = aStage(2);
  const [slow, peer] = players as [SlowPlayer, SlowPlayer];
  slow.stall();
  let told = 0;
  let waitingMax = 0;
  for (; slow.closeCode === undefined && told < 10_000; told++) {
    slow.tell(told, 1000);
    peer.tell(told, 1000);
    if (told % 10 === 0) patches(1);
    const { keptBytes = 0 } = slow.client.ref as unknown as PulsingSocket;
    waitingMax = Math.max(waitingMax, slow.waitingBytes + keptBytes);
  }
  expect(slow.closeCode).toBe(closeCodes.REDIAL);
  expect(waitingMax).toBeLessThanOrEqual(KIB * KIB);
  expect(told).toBeGreaterThan(800);
  const { waitingBytes } = slow;
  slow.tell(0, 1000);
  patches(5);
  expect([slow.waitingBytes, (slow.client.ref as unknown as PulsingSocket).keptBytes]).toEqual([waitingBytes, 0]);
  expect(await closedFor(stage, "full")).toBe(1);
  expect(peer.messages).toHaveLength(told);
  stage.join(slow);
  expect(slow.sees).toEqual(stage.world.toJSON());
});

test("[SYNC7] many small messages count with what they cost, and a state larger than the limits can still be sent", () => {
  const { stage, players, patches } = aStage(1);
  const [slow] = players as [SlowPlayer];
  slow.stall();
  patches(500);
  let told = 0;
  while (slow.closeCode === undefined && told < 100_000) slow.tell(told++);
  expect(told).toBeLessThan(10_000);
  const Large = schema({ text: t.string().default("") }, "OutboxLarge");
  const large = new SyncStage({ world: new Large().assign({ text: "x".repeat(2 * KIB * KIB) }), players: [slow] });
  expect(slow.closeCode).toBeUndefined();
  slow.stall();
  large.world.assign({ text: "y".repeat(2 * KIB * KIB) });
  large.patch();
  expect(slow.closeCode).toBeUndefined();
  expect(stage.players).toEqual([slow]);
});

test("[SYNC8] who answers nothing for eight beats is sent to redial; who answers late, but does, is not", async () => {
  const { stage, players, patches } = aStage(2);
  const [gone, late] = players as [SlowPlayer, SlowPlayer];
  for (const player of players) player.stall();
  for (let beat = 0; beat < 4 * SILENT_BEATS; beat++) {
    for (const player of players) player.pulse.beat();
    // A pong that answers no question of ours.
    gone.pulse.hear(Buffer.alloc(4));
    gone.pulse.hear(Buffer.alloc(0));
    if (beat % 4 === 3) late.read(60);
    patches(20);
  }
  expect([gone.closeCode, late.closeCode]).toEqual([closeCodes.REDIAL, undefined]);
  expect(await closedFor(stage, "stalled")).toBe(1);
});

test("[SYNC8] a process that was held up blames nobody: only its own beats count", async () => {
  const metrics = createMetrics();
  const heartbeat = new Heartbeat({ random: createSeededRandom(1), metrics });
  const asked: Uint8Array[] = [];
  let terminated = 0;
  let hear: (payload: Buffer) => void = () => {};
  const socket = {
    OPEN: 1,
    readyState: 1,
    bufferedAmount: 3,
    keptBytes: 4,
    ping: (payload: Uint8Array) => void asked.push(payload),
    terminate: () => void terminated++,
    on: (event: string, listener: (payload: Buffer) => void) => {
      if (event === "pong") hear = listener;
    },
  };
  heartbeat.watch(socket as unknown as PulsingSocket);
  for (let beat = 0; beat < 100; beat++) {
    heartbeat.beat();
    hear(Buffer.from(asked.at(-1) ?? []));
  }
  expect(terminated).toBe(0);
  expect(asked.length).toBeLessThan(51);
  expect(new Set(asked.map((question) => Buffer.from(question).toString("hex"))).size).toBe(asked.length);
  for (let beat = 0; beat < 12; beat++) heartbeat.beat();
  expect(terminated).toBeGreaterThan(0);
  expect((await metrics.queuedBytes.get()).values[0]?.value).toBe(7);
});

test("[SYNC10] keeping watch costs less than a microsecond for a client and patch", () => {
  const outboxes = new Outboxes({ room: { roomName: "hall" }, metrics: createMetrics() });
  const players = Array.from({ length: 100 }, () => ({
    ref: { bufferedAmount: 0, pulse: { behindBeats: 0 } },
    raw: () => {},
  }));
  const clients = players as never[];
  for (const client of clients) outboxes.admit(client, { isReturning: false });
  const rounds = 2000;
  const ns = Math.min(
    ...Array.from({ length: 5 }, () => {
      const startedMs = performance.now();
      for (let round = 0; round < rounds; round++) outboxes.reading(clients);
      return ((performance.now() - startedMs) * 1e6) / rounds / clients.length;
    }),
  );
  expect(ns).toBeLessThan(1000);
});
