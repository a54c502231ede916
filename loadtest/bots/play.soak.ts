import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { matchMaker } from "@colyseus/core";
import { afterAll, afterEach, expect, test } from "vitest";
import { catalogue } from "../../rooms/catalogue/index.ts";
import { rooms } from "../../rooms/index.ts";
import { closeCodes } from "../../schema/protocol.ts";
import type { ArenaPlayer, ArenaWorld } from "../../schema/state/arena.ts";
import { startTestApp, until } from "../../src/testing/app.ts";
import { signInOperator } from "../../src/testing/operators.ts";
import { type Counter, counters, type Measure, measures, type Recorder } from "../measures.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { playBot } from "./play.ts";
import { errandsOf } from "./shopper.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const offers = { "skin-ember": catalogue.offers["skin-ember"] };
// Few sockets for an address: more bots get in only by being counted by name.
const settings = { BOT_FILL: "0", LOADTEST_KEY, SOCKETS_PER_ADDRESS: "4" };
const app = await startTestApp({ rooms, catalogue: { ...catalogue, offers }, settings });

function aRecorder() {
  const counts = Object.fromEntries(counters.map((name) => [name, 0])) as Record<Counter, number>;
  const values = Object.fromEntries(measures.map((name) => [name, [] as number[]])) as unknown as Record<
    Measure,
    number[]
  >;
  const errors: string[] = [];
  const violations: string[] = [];
  const seen = { counts, values, errors, violations, seated: 0, seatedMax: 0 };
  const recorder: Recorder = {
    record: (measure, value) => void values[measure].push(value),
    count: (counter, by = 1) => {
      counts[counter] += by;
    },
    error: (code) => void errors.push(code),
    violation: (invariant, details) => void violations.push(`${invariant}: ${details}`),
    seated: (change) => {
      seen.seated += change;
      seen.seatedMax = Math.max(seen.seatedMax, seen.seated);
    },
  };
  return { ...seen, seen, recorder };
}

const worlds: AbortController[] = [];
/** Whatever became of a test, its bots are gone before the next one. */
afterEach(async () => {
  for (const world of worlds.splice(0)) world.abort();
  for (const startedMs = performance.now(); performance.now() - startedMs < 3000; ) {
    if ((await insides()).every(({ clients }) => clients.length === 0)) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

function aWorld(recorder: Recorder, changes: Partial<BotWorld> = {}): BotWorld & { stop(): void } {
  const startedMs = performance.now();
  const ending = new AbortController();
  worlds.push(ending);
  return {
    endpoint: app.url,
    loadtestKey: LOADTEST_KEY,
    runName: "test",
    recorder,
    nowMs: () => performance.now() - startedMs,
    signal: ending.signal,
    stop: () => ending.abort(),
    ...changes,
  };
}

function aPlan(number: number, changes: Partial<BotPlan> = {}): BotPlan {
  const plan = {
    number,
    arriveMs: 100,
    leaveMs: 4000,
    room: "arena",
    filters: {},
    persona: "casual",
    depth: "full",
  } as const;
  return { ...plan, network: "none", cutsMs: [], seed: 1000 + number, ...changes };
}

/** The rooms of the server, from inside. */
async function insides(): Promise<Inside[]> {
  const listings = await matchMaker.query({});
  return listings.flatMap(({ roomId }) => (matchMaker.getLocalRoomById(roomId) as unknown as Inside | undefined) ?? []);
}
interface Inside {
  readonly state: ArenaWorld;
  readonly clients: { readonly ref: { terminate(): void }; leave(code: number): void }[];
}
const peopleInside = async () => (await insides()).flatMap(({ state }) => [...state.players.values()]);
/** A person's player, once there is one. */
async function aPlayerInside(): Promise<ArenaPlayer> {
  for (const startedMs = performance.now(); performance.now() - startedMs < 5000; ) {
    for (const { state } of await insides())
      for (const player of state.players.values()) if (player.alive && player.connected) return player;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("nobody came");
}
const percentile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;

/** Plays all of it, and says what the recorder heard. */
async function play(plans: readonly BotPlan[], changes: Partial<BotWorld> = {}) {
  const { seen, recorder } = aRecorder();
  await Promise.all(plans.map((plan) => playBot(plan, aWorld(recorder, changes))));
  return seen;
}

test("[BOT3] full bots play through a countdown and a match on two networks: all that they see is as it should be", async () => {
  const { seen: light, recorder } = aRecorder();
  const lights = [4, 5, 6, 7].map((number) =>
    playBot(
      aPlan(number, { depth: "light", persona: number === 4 ? "idle" : "frantic", leaveMs: 5500 }),
      aWorld(recorder),
    ),
  );
  const seen = await play([
    aPlan(0, { leaveMs: 5500 }),
    aPlan(1, { leaveMs: 5500, persona: "frantic" }),
    aPlan(2, { leaveMs: 5500, persona: "frantic", network: "4g" }),
    aPlan(3, { leaveMs: 5500, persona: "idle" }),
  ]);
  await Promise.all(lights);
  const { counts, values, errors, violations } = seen;
  expect({ errors, violations, ...{ lightErrors: light.errors, lightViolations: light.violations } }).toEqual({
    ...{ errors: [], violations: [], lightErrors: [], lightViolations: [] },
  });
  expect(counts).toMatchObject({ joins: 4, joinsFailed: 0, disconnects: 0, reconnects: 0 });
  expect([seen.seatedMax, seen.seated, light.seatedMax, light.seated]).toEqual([4, 0, 4, 0]);
  // What is counted agrees: an input for each tick, a patch for every second one, each acknowledged once.
  for (const of of [counts, light.counts]) {
    expect(of.inputsSent / of.clientTicks).toBeGreaterThan(0.9);
    expect(of.inputsSent / of.clientTicks).toBeLessThan(1.05);
    expect((2 * of.patches) / of.clientTicks).toBeGreaterThan(0.85);
    expect((2 * of.patches) / of.clientTicks).toBeLessThan(1.1);
    expect(of.bytesIn).toBeGreaterThan(20 * of.patches);
  }
  expect(counts.clientTicks).toBeGreaterThan(4 * 40 * 4);
  expect(values.echoMs.length / counts.inputsSent).toBeGreaterThan(0.95);
  expect(values.joinMs.length).toBe(4);
  expect(percentile(values.echoMs, 0.5)).toBeGreaterThan(20);
  expect(percentile(values.patchGapMs, 0.5)).toBeGreaterThan(40);
  expect(percentile(values.patchGapMs, 0.5)).toBeLessThan(60);
  // The prediction is the server's own function: most patches move nobody.
  expect(values.correctionUnits.length).toBeGreaterThan(100);
  expect(percentile(values.correctionUnits, 0.9)).toBeLessThan(0.05);
  expect([...light.values.echoMs, ...light.values.correctionUnits]).toEqual([]);
});

test("[BOT4] whose line is cut comes back to its seat, counted from the planned moment and not as a failure", async () => {
  const plans = [
    aPlan(10, { cutsMs: [1000], leaveMs: 2600 }),
    aPlan(11, { cutsMs: [1200, 2200], network: "4g", leaveMs: 3800 }),
    aPlan(12, { cutsMs: [1000], depth: "light", leaveMs: 2600 }),
    aPlan(13, { cutsMs: [1200], depth: "light", network: "4g", leaveMs: 2800 }),
  ];
  const { counts, values, errors, violations } = await play(plans);
  expect({ errors, violations }).toEqual({ errors: [], violations: [] });
  expect(counts).toMatchObject({ joins: 4, reconnects: 5, disconnects: 0, joinsFailed: 0 });
  expect(values.reconnectMs.length).toBe(5);
  // The first redial waits for at least a tenth of a second.
  expect(Math.min(...values.reconnectMs)).toBeGreaterThan(90);
  expect(Math.max(...values.reconnectMs)).toBeLessThan(3000);
});

test.each(["full", "light"] as const)(
  "[BOT4] ends that nobody planned are disconnects with their code, and a %s bot comes back",
  async (depth) => {
    const { seen, recorder } = aRecorder();
    const world = aWorld(recorder);
    const playing = playBot(aPlan(depth === "full" ? 20 : 21, { depth, leaveMs: 60_000 }), world);
    const seated = () => until(() => seen.seated === 1);
    await seated();
    const connection = async () => (await insides()).flatMap(({ clients }) => clients)[0];
    (await connection())?.ref.terminate();
    await until(() => seen.counts.reconnects === 1);
    await seated();
    (await connection())?.leave(closeCodes.REPLACED);
    await until(() => seen.counts.joins === 2);
    await seated();
    world.stop();
    await playing;
    expect(seen.errors).toEqual(["CLOSE_1006", `CLOSE_${closeCodes.REPLACED}`]);
    expect(seen.counts).toMatchObject({ disconnects: 2, reconnects: 1, joins: 2, joinsFailed: 0 });
    expect(seen.values.reconnectMs.length).toBe(2);
    expect(seen.values.joinMs.length).toBe(1);
    expect(seen.violations).toEqual([]);
  },
);

test("[BOT5] a join counts from the moment that the plan meant, however late the swarm gets to it", async () => {
  const startedMs = performance.now() - 1000;
  const nowMs = () => performance.now() - startedMs;
  const plans = [
    aPlan(30, { arriveMs: 200, leaveMs: 2500 }),
    aPlan(31, { arriveMs: 200, leaveMs: 2500, depth: "light" }),
  ];
  const { values } = await play(plans, { nowMs });
  expect(values.joinMs.length).toBe(2);
  expect(Math.min(...values.joinMs)).toBeGreaterThan(800);
});

test.each([
  ["health", (player: ArenaPlayer) => Object.assign(player, { health: 200 }), "health is 200"],
  ["place", (player: ArenaPlayer) => Object.assign(player, { y: 30 }), "outside the map"],
  [
    "motion",
    (player: ArenaPlayer) => Object.assign(player, { x: player.x > 0 ? -29 : 29, y: 8 }),
    "no lost or late input explains",
  ],
  ["slot", (player: ArenaPlayer) => Object.assign(player, { slot: 31 }), "says that its slot is 31"],
])("[BOT6] a wrong %s on the server is found by a full bot that sees it", async (_what, spoil, words) => {
  const { seen, recorder } = aRecorder();
  const world = aWorld(recorder);
  const playing = playBot(aPlan(40, { persona: "idle", leaveMs: 60_000 }), world);
  const player = await aPlayerInside();
  await until(() => seen.values.echoMs.length > 20);
  expect(seen.violations).toEqual([]);
  spoil(player);
  await until(() => seen.violations.some((violation) => violation.includes(words)));
  world.stop();
  await playing;
});

test("[BOT7] a shopper's errands: who has no money is refused, which is no error; who has some buys once and wears it", async () => {
  const operator = await signInOperator(app, "economy");
  const plans = [aPlan(50), aPlan(51), aPlan(52, { depth: "light" })].map((plan) => {
    // Errands that begin late enough for a present to be there, and all at about the same time.
    const seed = Array.from({ length: 5000 }, (_, tried) => tried).find((tried) => {
      const [first = 0, second = 0] = errandsOf({ ...plan, seed: tried + 5000 * plan.number, leaveMs: 60_000 });
      return first > 1800 && first < 2200 && second > 11_000;
    });
    return { ...plan, persona: "shopper", seed: (seed ?? 0) + 5000 * plan.number, leaveMs: 60_000 } as const;
  });
  const poor = aRecorder();
  const rich = aRecorder();
  const [poorWorld, richWorld] = [aWorld(poor.recorder), aWorld(rich.recorder)];
  const [first, ...others] = plans;
  const playing = [first === undefined ? undefined : playBot(first, poorWorld)];
  const { accountId: poorId } = await aPlayerInside();
  playing.push(...others.map((plan) => playBot(plan, richWorld)));
  await until(() => rich.seen.seated === 2);
  const people = (await insides())
    .flatMap(({ state }) => [...state.players.values()])
    .filter((person) => person.connected);
  const richIds = people.map(({ accountId }) => accountId).filter((accountId) => accountId !== poorId);
  for (const accountId of richIds) {
    const body = {
      accountId,
      currency: "gold",
      direction: "credit",
      amount: "500",
      reason: "a present",
      key: accountId,
    };
    await app.callOperator("POST", "/operator/wallet/adjust", { token: operator.token, body });
  }
  await until(() => poor.counts.shopRequests >= 6 && rich.counts.shopRequests >= 14, 10_000);
  poorWorld.stop();
  richWorld.stop();
  await Promise.all(playing);
  expect([poor.errors, rich.errors]).toEqual([[], []]);
  // Catalogue, profile, purse, quote, purchase, inventory; and for who has bought, wearing it.
  expect([poor.counts.shopRequests, rich.counts.shopRequests]).toEqual([6, 14]);
  expect([poor.values.shopMs.length, rich.values.shopMs.length]).toEqual([6, 14]);
  expect(Math.max(...rich.values.shopMs)).toBeLessThan(2000);
  for (const accountId of richIds) {
    const path = `/operator/inventory?accountId=${accountId}`;
    const { body } = await app.callOperator("GET", path, { token: operator.token });
    // Beside what the match may have given when the others left it.
    const { holdings } = body as { holdings: { item: string }[] };
    expect(holdings.filter(({ item }) => item !== "scrap")).toMatchObject([{ item: "skin-ember", slot: "skin" }]);
  }
});

test("[BOT8] a griefer is sent away and comes back, all of it as expected, while an honest player sees nothing of it", async () => {
  const honest = aRecorder();
  const hostile = aRecorder();
  const playing = playBot(aPlan(60, { leaveMs: 4500 }), aWorld(honest.recorder));
  const griefers = [61, 62].map((number) =>
    playBot(aPlan(number, { persona: "griefer", leaveMs: 4500 }), aWorld(hostile.recorder)),
  );
  await Promise.all([playing, ...griefers]);
  expect([hostile.errors, hostile.violations, honest.errors, honest.violations]).toEqual([[], [], [], []]);
  expect(hostile.counts.garbageSent).toBeGreaterThan(100);
  expect(hostile.counts.joins).toBeGreaterThan(3);
  expect(hostile.counts.disconnects).toBe(0);
  expect(hostile.values.joinMs.length).toBe(2);
  expect(honest.counts.disconnects).toBe(0);
  expect(hostile.seen.seated).toBe(0);
});

/** A relay in front of the server that keeps what each connection sends before any WebSocket begins. */
async function aRelay() {
  const heads: string[] = [];
  const relay = createServer((near) => {
    const far = connect(Number(new URL(app.url).port), "127.0.0.1");
    near.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (/^[A-Z]+ \/\S* HTTP\/1\.1\r\n/.test(text)) heads.push(text.split("\r\n\r\n", 1)[0] ?? "");
      far.write(chunk);
    });
    far.on("data", (chunk) => near.write(chunk));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", () => {});
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  afterAll(() => relay.close());
  return { heads, url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}` };
}

test("[BOT9] with LOADTEST_KEY each request and upgrade of a bot carries its signed name, and without it none does", async () => {
  const { heads, url } = await aRelay();
  const plans = [
    aPlan(70, { persona: "shopper", leaveMs: 2600, cutsMs: [1200] }),
    aPlan(71, { depth: "light", leaveMs: 2600, cutsMs: [1200] }),
    aPlan(72, { persona: "griefer", leaveMs: 2600 }),
  ];
  await play(plans, { endpoint: url, runName: "a run / with an odd name" });
  const named = heads.map((head) => /x-umpire-loadtest: (a-run---with-an-odd--7[012])\.[\w-]{43}/i.exec(head)?.[1]);
  expect(heads.filter((_, index) => named[index] === undefined)).toEqual([]);
  expect(new Set(named).size).toBe(3);
  expect(heads.filter((head) => /upgrade: websocket/i.test(head)).length).toBeGreaterThanOrEqual(5);
  expect(heads.some((head) => head.includes("reconnectionToken="))).toBe(true);
  heads.length = 0;
  await play([aPlan(73, { leaveMs: 800 })], { endpoint: url, loadtestKey: undefined });
  expect(heads.length).toBeGreaterThan(1);
  expect(heads.filter((head) => /loadtest/i.test(head))).toEqual([]);
});

test.each(["full", "light"] as const)(
  "[BOT10] each failure is an error by its code, whatever a %s bot meets, and nothing is thrown",
  async (depth) => {
    const plan = (number: number, changes: Partial<BotPlan> = {}) =>
      aPlan(number, { depth, leaveMs: 1000, ...changes });
    const unknown = await play([plan(80, { filters: { mode: "chess" } })]);
    expect(unknown.errors).toEqual(["ROOM_OPTIONS_INVALID"]);
    expect(unknown.counts).toMatchObject({ joins: 0, joinsFailed: 1 });
    const [nobody, proxy] = await Promise.all([
      play([plan(81)], { endpoint: "http://127.0.0.1:9" }),
      withServer(
        (_path, answer) => answer(502, {}, {}),
        (endpoint) => play([plan(82)], { endpoint }),
      ),
    ]);
    expect(new Set(nobody.errors)).toEqual(new Set(["NETWORK"]));
    expect(new Set(proxy.errors)).toEqual(new Set(["HTTP_502"]));
    // There is no such room's bot: a mistake in the plan or in a bot's code.
    expect((await play([plan(83, { room: "nowhere" })])).errors).toEqual(["BOT_FAULT"]);
  },
);

test("[BOT10] who is told when to come back comes back then, and each refusal counts", async () => {
  const asked: number[] = [];
  const startedMs = performance.now();
  const seen = await withServer(
    (_path, answer) => {
      asked.push(performance.now() - startedMs);
      answer(503, { "retry-after": "1" }, { code: "UNAVAILABLE", message: "Later.", details: {}, errorId: null });
    },
    (endpoint) => play([aPlan(84, { depth: "light", arriveMs: 0, leaveMs: 2800 })], { endpoint }),
  );
  const waits = asked.slice(1).map((ms, index) => ms - (asked[index] ?? 0));
  expect(seen.errors).toEqual(asked.map(() => "UNAVAILABLE"));
  expect(asked.length).toBeGreaterThan(1);
  for (const wait of waits) expect(wait).toBeGreaterThan(980);
  for (const wait of waits) expect(wait).toBeLessThan(2000);
});

type Answer = (status: number, headers: Record<string, string>, body: object) => void;
async function withServer<T>(
  serve: (path: string, answer: Answer) => void,
  use: (endpoint: string) => Promise<T>,
): Promise<T> {
  const server = createHttpServer((request, response) => {
    serve(request.url ?? "", (status, headers, body) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("[BOT11] when the run ends early everyone leaves at once, whatever it is doing, and nothing is left behind", async () => {
  const handles = () => process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name));
  // The first client of a process opens what all later ones use.
  await play([aPlan(90, { leaveMs: 800 })]);
  const before = handles().length;
  const strangers = new Set((await peopleInside()).map(({ accountId }) => accountId));
  const { seen, recorder } = aRecorder();
  const world = aWorld(recorder);
  const plans = [
    aPlan(91, { cutsMs: [50_000] }),
    aPlan(92, { network: "4g", persona: "shopper" }),
    aPlan(93, { depth: "light" }),
    aPlan(94, { depth: "light", network: "train", cutsMs: [1800] }),
    aPlan(95, { persona: "griefer" }),
    aPlan(96, { arriveMs: 40_000 }),
    // These are on their way in.
    aPlan(97, { arriveMs: 2000, network: "satellite" }),
    aPlan(98, { arriveMs: 2000, depth: "light", network: "satellite" }),
  ].map((plan) => ({ ...plan, leaveMs: 60_000 }));
  const playing = Promise.all(plans.map((plan) => playBot(plan, world)));
  await until(() => seen.seated >= 4 && world.nowMs() > 2100);
  const endedMs = performance.now();
  world.stop();
  await playing;
  expect(performance.now() - endedMs).toBeLessThan(2500);
  expect(seen.seated).toBe(0);
  await until(() => handles().length <= before, 12_000);
  expect(seen.violations).toEqual([]);
  // Nobody is there any more but whose line was cut just then, and who was on the way in through a satellite.
  const left = (await peopleInside()).filter(({ accountId }) => !strangers.has(accountId));
  expect(left.filter(({ connected }) => connected)).toEqual([]);
  expect(left.length).toBeLessThanOrEqual(3);
});
