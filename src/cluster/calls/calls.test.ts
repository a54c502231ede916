import { ServerError } from "@colyseus/core";
import { afterAll, expect, test } from "vitest";
import { createSystemClock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { until } from "../../testing/app.ts";
import { createTestRedis, openUpRedis, startKillableRedis } from "../../testing/redis.ts";
import { TIMED } from "../../testing/timed.ts";
import { type CallHandlers, createCalls, processChannel } from "./calls.ts";
import { createSignedMessages } from "./signed-messages.ts";

const redis = await createTestRedis();
const clock = createSystemClock();
const SECRET = "only-for-tests-only-for-tests-only-for-tests";
let processes = 0;

interface PeerOptions {
  readonly handlers?: CallHandlers;
  readonly secret?: string;
  readonly aheadMs?: () => number;
  readonly via?: typeof redis;
}

/** A process as the others meet it. */
async function aPeer({ handlers = {}, secret = SECRET, aheadMs = () => 0, via = redis }: PeerOptions = {}) {
  const id = `process-${++processes}`;
  const metrics = createMetrics();
  const calls = createCalls({
    redis: via,
    secret,
    clock,
    sharedMs: () => clock.monotonicMs() + aheadMs(),
    random: cryptoRandom,
    log: createLog({ level: "silent" }),
    metrics,
    self: () => id,
    handlers,
  });
  calls.start();
  const channel = processChannel(via, id);
  const listeners = async () => (await via.call((client) => client.pubsub("NUMSUB", channel)))[1];
  while ((await listeners()) !== 1);
  afterAll(calls.stop);
  const refused = async () =>
    Object.fromEntries((await metrics.callsRefused.get()).values.map(({ labels, value }) => [labels.reason, value]));
  return { id, calls, channel, refused, say: (text: string) => via.call((client) => client.publish(channel, text)) };
}

/** Everything that is published to a process, as a hostile peer on the same Redis reads it. */
async function overhear(channel: string): Promise<string[]> {
  const heard: string[] = [];
  const subscriber = redis.subscriber();
  afterAll(() => subscriber.close());
  await new Promise<void>((hearing) => {
    subscriber.subscribe(channel, (text) => heard.push(text));
    subscriber.onHearing(hearing);
  });
  return heard;
}

test.concurrent("[CALLS1] a process is asked and answers, and a failure comes back with its code and with nothing of its cause", async () => {
  const failures: Record<string, () => Error> = {
    ours: () => new AppError("ROOM_FULL", { seats: 4 }, new Error("a secret")),
    engine: () => new ServerError(524, "a secret"),
    rethrown: () => Object.assign(new ServerError(523, "a secret"), { code: "ROOM_NOT_FOUND" }),
    defect: () => new TypeError("a secret"),
  };
  const answering = await aPeer({
    handlers: {
      echo: async (args: unknown) => args,
      nothing: async () => undefined,
      fail: async (how: string) => {
        throw failures[how]?.();
      },
    },
  });
  const asking = await aPeer();
  const ask = (method: string, args?: unknown) => asking.calls.ask(answering.id, method, args);
  expect(await ask("echo", { a: [1, "ü", null] })).toEqual({ a: [1, "ü", null] });
  expect(await ask("nothing")).toBe(null);
  const heard = await overhear(asking.channel);
  await expect(ask("fail", "ours")).rejects.toMatchObject({ code: "ROOM_FULL", status: 409, details: { seats: 4 } });
  await expect(ask("fail", "engine")).rejects.toMatchObject({ code: 524 });
  await expect(ask("fail", "rethrown")).rejects.toMatchObject({ code: "ROOM_NOT_FOUND" });
  await expect(ask("fail", "defect")).rejects.toMatchObject({ code: "INTERNAL" });
  expect(heard.length).toBeGreaterThan(4);
  expect(heard.join()).not.toContain("a secret");
});

test.concurrent("[CALLS2] S39: what a hostile peer forges, alters, sends again or sends elsewhere is not carried out, and is counted", async ({
  expect,
}) => {
  const done: unknown[] = [];
  const handlers = { deed: async (args: unknown) => void done.push(args) };
  let aheadMs = 0;
  const [attacked, other] = [await aPeer({ handlers, aheadMs: () => aheadMs }), await aPeer({ handlers })];
  const [honest, stranger] = [await aPeer(), await aPeer({ secret: "another-secret-another-secret-another" })];
  const heard = await overhear(attacked.channel);
  await honest.calls.ask(attacked.id, "deed", "honest");
  const text = await until(() => heard[0]);
  // The engine's own form, which stock carries out whatever it says.
  await attacked.say(JSON.stringify(["deed", "reply", ["forged"]]));
  await attacked.say("");
  await attacked.say("ü".repeat(100));
  await attacked.say("x".repeat(300 * 1024));
  await expect(stranger.calls.ask(attacked.id, "deed", "strange")).rejects.toMatchObject({ reason: "silent" });
  await attacked.say(text.replace("honest", "robber"));
  await attacked.say(text.slice(0, 43) + text.slice(43).replace(/"nonce":"./, '"nonce":"!'));
  await attacked.say(text);
  await other.say(text);
  await expect.poll(attacked.refused).toMatchObject({ forged: 6, malformed: 1, replayed: 1 });
  await expect.poll(other.refused).toEqual({ misdirected: 1 });
  // Long after, when nobody can remember its nonce.
  const late = await aPeer({ handlers, aheadMs: () => 11_000 });
  const early = await aPeer({ handlers, aheadMs: () => -11_000 });
  for (const { id, refused } of [late, early]) {
    await expect(honest.calls.ask(id, "deed", "old")).rejects.toMatchObject({ reason: "silent" });
    expect(await refused()).toEqual({ stale: 1 });
  }
  aheadMs = 0;
  expect(done).toEqual(["honest"]);
});

test.concurrent("[CALLS2] S39: an answer is believed from the process that was asked alone", async () => {
  const answering = await aPeer({
    handlers: { wait: () => new Promise((resolve) => setTimeout(resolve, 300, "true")) },
  });
  const asking = await aPeer();
  const heard = await overhear(answering.channel);
  const answer = asking.calls.ask(answering.id, "wait", null);
  const text = await until(() => heard[0]);
  const { nonce } = JSON.parse(text.slice(43)) as { nonce: string };
  const body = { kind: "done", call: nonce, answer: "false" };
  await asking.say(`${"A".repeat(43)}${JSON.stringify(body)}`);
  // One of us, but not the one that was asked.
  const insider = createSignedMessages({
    secret: SECRET,
    random: cryptoRandom,
    monotonicMs: clock.monotonicMs,
    sharedMs: clock.monotonicMs,
  });
  await asking.say(insider.write({ to: asking.channel, from: "insider", body }).text);
  expect(await answer).toBe("true");
  expect(await asking.refused()).toEqual({ forged: 1, unasked: 1 });
});

test.concurrent("[CALLS3] what is not on the list of methods is refused, whatever an object inherits", async () => {
  const answering = await aPeer({ handlers: { known: async () => 1 } });
  const { calls } = await aPeer();
  const unknown = ["constructor", "__proto__", "toString", "hasOwnProperty", "disconnect", ""];
  await Promise.all(
    unknown.map((method) =>
      expect(calls.ask(answering.id, method, [])).rejects.toMatchObject({ name: "ProcessAwayError" }),
    ),
  );
  expect(await answering.refused()).toEqual({ method: unknown.length });
});

test.concurrent(
  "[CALLS4] a call that arrives after its deadline is not carried out, and who has begun in time is waited for",
  TIMED,
  async () => {
    const done: string[] = [];
    const late = await aPeer({ handlers: { deed: async () => void done.push("late") }, aheadMs: () => 1500 });
    const slow = await aPeer({
      handlers: {
        deed: async () => {
          await new Promise((resolve) => setTimeout(resolve, 1600));
          done.push("slow");
        },
      },
    });
    const { calls } = await aPeer();
    const fromMs = performance.now();
    await Promise.all([
      expect(calls.ask(late.id, "deed", null)).rejects.toMatchObject({ reason: "silent" }),
      calls.ask(slow.id, "deed", null),
    ]);
    expect(performance.now() - fromMs).toBeLessThan(2500);
    expect(await late.refused()).toEqual({ late: 1 });
    expect(done).toEqual(["slow"]);
  },
);

test.concurrent(
  "[CALLS5] T5: a process that is gone is known at once, and so is a Redis that is away",
  TIMED,
  async ({ expect }) => {
    const { calls } = await aPeer();
    const fromMs = performance.now();
    await expect(calls.ask("nobody", "deed", null)).rejects.toMatchObject({ reason: "gone" });
    expect(performance.now() - fromMs).toBeLessThan(100);
    const killable = await startKillableRedis();
    const via = await openUpRedis({ url: killable.url });
    afterAll(() => via.close());
    const [one, two] = [await aPeer({ via }), await aPeer({ via, handlers: { echo: async (args: unknown) => args } })];
    expect(await one.calls.ask(two.id, "echo", 1)).toBe(1);
    await killable.kill();
    const lostMs = performance.now();
    await expect(one.calls.ask(two.id, "echo", 1)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(performance.now() - lostMs).toBeLessThan(1000);
    await killable.start({ isEmpty: true });
    await expect.poll(() => one.calls.ask(two.id, "echo", 2).catch(() => null), { timeout: 5000 }).toBe(2);
  },
);
