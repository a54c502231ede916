import { createSecretKey } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, expect, test } from "vitest";
import { createSystemClock, TestClock } from "../../platform/clock.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { until } from "../../testing/app.ts";
import { freePort } from "../../testing/redis.ts";
import { aSocketPair } from "../../testing/trunk-pair.ts";
import { createHopSeal } from "./hop.ts";
import { callOwner } from "./owner-call.ts";
import { createRelayListener, type Relayed } from "./relay-listener.ts";
import { splice } from "./splice.ts";
import type { TrunkChannel } from "./trunk-channel.ts";
import { TRUNK_ANSWER } from "./trunk-opening.ts";
import { createTrunks } from "./trunks.ts";

const said: Record<string, unknown>[] = [];
const log = createLog({ level: "warn", destination: { write: (line) => void said.push(JSON.parse(line)) } });
const secret = createSecretKey(Buffer.from("only-for-tests"));
const seal = createHopSeal({ secret, clock: createSystemClock(), random: cryptoRandom });

/** Knows what has not rung yet. */
class CountingClock extends TestClock {
  readonly #waiting = new Set<object>();

  get alarms(): number {
    return this.#waiting.size;
  }

  override after(delayMs: number, task: () => void): () => void {
    const alarm = {};
    const forget = () => void this.#waiting.delete(alarm);
    this.#waiting.add(alarm);
    const cancel = super.after(delayMs, () => {
      forget();
      task();
    });
    return () => {
      forget();
      cancel();
    };
  }

  override every(periodMs: number, task: () => void): () => void {
    const alarm = {};
    this.#waiting.add(alarm);
    const cancel = super.every(periodMs, task);
    return () => {
      this.#waiting.delete(alarm);
      cancel();
    };
  }
}

/** The trunks of a process whose time stands still. */
function aProcess() {
  const clock = new CountingClock();
  const trunks = createTrunks({ seal, clock, log, metrics: createMetrics() });
  afterAll(() => trunks.stop());
  return { clock, trunks };
}

/** A relay listener at which the players of the other processes are kept, and answered by nobody. */
async function anOwner({ max = 100, clock = new CountingClock() } = {}) {
  const relayed: Relayed[] = [];
  const listener = createRelayListener({
    seal,
    clock,
    log,
    max,
    translate: createErrorTranslator({ log, ids: createIds({ clock, random: cryptoRandom }) }),
    onRelayed: (each) => void relayed.push(each),
    onRefused: (socket) => void socket.destroy(),
  });
  const relay = await listener.listen({ host: "127.0.0.1", port: 0, named: null });
  afterAll(() => listener.stop());
  return { relay, relayed, clock, listener };
}

/** Something that listens there and is no relay listener. */
async function aListener(answer: string) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => void (answer !== "" && socket.write(answer)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  afterAll(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { relay: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

test("[TRUNK6] one trunk is made for all who ask, and one that has broken is made again", async () => {
  const { trunks } = aProcess();
  const { relay } = await anOwner();
  const asked = await Promise.all([trunks.to(relay), trunks.to(relay)]);
  expect(asked[0]).toBe(asked[1]);
  expect(await trunks.to(relay)).toBe(asked[0]);
  if (typeof asked[0] === "string") throw new Error(asked[0]);
  asked[0]?.break("lost");
  const again = await trunks.to(relay);
  expect(again).not.toBe(asked[0]);
  expect(again).not.toBeTypeOf("string");
});

test("[TRUNK6] nobody who listens is told from nobody who answers, and neither is remembered", async () => {
  const { trunks, clock } = aProcess();
  expect(await trunks.to(`127.0.0.1:${await freePort()}`)).toBe("absent");
  const mute = await aListener("");
  const asked = trunks.to(mute.relay);
  await until(() => mute.sockets.length === 1);
  clock.advance(2_000);
  expect(await asked).toBe("silent");
  const askedAgain = trunks.to(mute.relay);
  await until(() => mute.sockets.length === 2);
  clock.advance(2_000);
  expect(await askedAgain).toBe("silent");
  const other = await aListener("HTTP/1.1 403 Forbidden\r\n\r\n");
  expect(await trunks.to(other.relay)).toBe("silent");
  expect(said).toContainEqual(expect.objectContaining({ msg: "trunk.refused", said: "HTTP/1.1 403 Forbidden" }));
});

test("[TRUNK2] [TRUNK6] garbage of the other process breaks its trunk, with a line in the log", async () => {
  const { trunks } = aProcess();
  const garbage = await aListener(`${TRUNK_ANSWER}HTTP/1.1 200 OK\r\n\r\n`);
  const trunk = await trunks.to(garbage.relay);
  if (typeof trunk === "string") throw new Error(trunk);
  expect(trunk.isOver).toBe(true);
  expect(said).toContainEqual(expect.objectContaining({ msg: "trunk.garbled", relay: garbage.relay }));
});

test("[TRUNK6] T12: nobody new is put on a trunk that has said nothing for a second, and those on it are broken later", async () => {
  const { trunks, clock } = aProcess();
  // It has answered, and then says nothing any more.
  const mute = await aListener(TRUNK_ANSWER);
  const first = await trunks.to(mute.relay);
  clock.advance(1_000);
  expect(await trunks.to(mute.relay)).toBe(first);
  clock.advance(500);
  const second = await trunks.to(mute.relay);
  expect(second).not.toBe(first);
  if (typeof first === "string" || typeof second === "string") throw new Error("no trunk");
  expect([first.isOver, second.isOver]).toEqual([false, false]);
  clock.advance(1_500);
  expect([first.isOver, second.isOver]).toEqual([true, false]);
  expect(said).toContainEqual(expect.objectContaining({ msg: "trunk.silent", relay: mute.relay }));
});

const head = () => {
  const line = "GET /p/room HTTP/1.1";
  const hop = seal.seal({ address: "203.0.113.1", isLoadTest: false, scheme: "http" }, line);
  return `${line}\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-umpire-hop: ${hop}\r\n\r\n`;
};

test("[TRUNK6] T12: a call that is not answered ends within two and a half seconds, and nobody is left at the other process", async () => {
  const { trunks, clock } = aProcess();
  const owner = await anOwner();
  const parts = { trunks, relay: owner.relay, clock, onAnswered: () => expect.unreachable() };
  const called = callOwner({ ...parts, head: head() });
  await until(() => owner.relayed.length === 1);
  clock.advance(1_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  // The trunk is well: it is the room that says nothing.
  owner.clock.advance(500);
  clock.advance(1_400);
  await new Promise((resolve) => setTimeout(resolve, 20));
  clock.advance(100);
  expect(await called).toBe("silent");
  await until(() => owner.relayed[0]?.socket.destroyed);
  // One that breaks off is not there.
  const brokenOff = callOwner({ ...parts, head: head() });
  await until(() => owner.relayed.length === 2);
  owner.relayed[1]?.socket.destroy();
  expect(await brokenOff).toBe("absent");
});

test("[TRUNK4] a player who reads slowly gets what was sent, and not what came to others later in the same memory", async () => {
  const clock = createSystemClock();
  const trunks = createTrunks({ seal, clock, log, metrics: createMetrics() });
  afterAll(() => trunks.stop());
  const owner = await anOwner();
  const players: { client: Socket; passed: Socket; got: Buffer[] }[] = [];
  for (let count = 0; count < 3; count++) {
    const [client, passed] = await aSocketPair();
    const got: Buffer[] = [];
    client.on("data", (bytes: Buffer) => got.push(bytes));
    players.push({ client, passed, got });
    const onAnswered = (channel: TrunkChannel, first: Buffer) => {
      splice({ client: passed, owner: channel, clock, onClosed() {} });
      channel.ear.data(first);
    };
    const called = callOwner({ trunks, relay: owner.relay, head: head(), clock, onAnswered });
    await until(() => owner.relayed.length === count + 1);
    owner.relayed[count]?.socket.write("HTTP/1.1 101 \r\n\r\n");
    expect(await called).toBe("answered");
  }
  const said = players.map(() => Buffer.from(cryptoRandom.bytes(24 * 2 ** 20)));
  const sent = players.map(() => 0);
  // In pieces that come in one read each, so that they are written from where they were read.
  const say = async (index: number) => {
    const at = sent[index] ?? 0;
    sent[index] = at + 12_000;
    owner.relayed[index]?.socket.write(said[index]?.subarray(at, at + 12_000));
    await new Promise((resolve) => setImmediate(resolve));
  };
  const [slow, ...quick] = players;
  slow?.client.pause();
  // At some point the kernel takes nothing more for it; the others go on in the same memory.
  while (slow?.passed.writableLength === 0) await say(0);
  for (let count = 0; count < 40; count++) await say(1 + (count % 2));
  for (const [index, { socket }] of owner.relayed.entries()) socket.end(said[index]?.subarray(sent[index]));
  await Promise.all(quick.map(({ client }) => once(client, "end")));
  slow?.client.resume();
  await once(slow?.client as Socket, "end");
  for (const [index, { client, got }] of players.entries()) {
    const all = Buffer.concat(got);
    expect(all.subarray(all.indexOf("\r\n\r\n") + 4).equals(said[index] as Buffer)).toBe(true);
    client.end();
  }
});

test("[TRUNK6] no more streams are taken than this process takes sockets", async () => {
  const { trunks, clock } = aProcess();
  const owner = await anOwner({ max: 2 });
  const parts = { trunks, relay: owner.relay, clock, onAnswered() {} };
  for (let count = 0; count < 2; count++) void callOwner({ ...parts, head: head() });
  await until(() => owner.relayed.length === 2);
  expect(await callOwner({ ...parts, head: head() })).toBe("absent");
  owner.relayed[0]?.socket.destroy();
  await until(() => owner.relayed[0]?.socket.destroyed);
  void callOwner({ ...parts, head: head() });
  await until(() => owner.relayed.length === 3);
});

test("[TRUNK6] T28: who stops leaves no trunk, stream or timer, and whoever waits is told", async () => {
  const { trunks, clock } = aProcess();
  const [owner, mute] = [await anOwner(), await aListener("")];
  const called = callOwner({ trunks, relay: owner.relay, head: head(), clock, onAnswered: () => expect.unreachable() });
  const waiting = trunks.to(mute.relay);
  await until(() => owner.relayed.length === 1 && mute.sockets.length === 1);
  trunks.stop();
  expect(await Promise.all([called, waiting])).toEqual(["silent", "silent"]);
  expect(await trunks.to(owner.relay)).toBe("silent");
  await until(() => owner.relayed[0]?.socket.destroyed && mute.sockets[0]?.readableEnded);
  expect(clock.alarms).toBe(0);
  const other = aProcess();
  const trunk = await other.trunks.to(owner.relay);
  await owner.listener.stop();
  await until(() => typeof trunk !== "string" && trunk.isOver);
  expect([owner.clock.alarms, other.clock.alarms]).toEqual([0, 0]);
});
