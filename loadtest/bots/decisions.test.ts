import { expect, test } from "vitest";
import { aMatch, copyOf, run } from "../../rooms/arena/test-world.ts";
import type { World } from "../../rooms/arena/world.ts";
import { buttons, phases, TICK_HZ } from "../../schema/state/arena.ts";
import { createSeededRandom } from "../random.ts";
import { arenaBot } from "./arena.ts";
import type { BotPlan, Persona } from "./bot.ts";
import { personas } from "./bot.ts";
import { decisionHash, type RecordedView } from "./decision-hash.ts";
import { InputAudit } from "./input-audit.ts";
import { framesOf, rehearsal } from "./light-inputs.ts";
import type { AnyState } from "./rooms.ts";
import { StateJudge } from "./state-judge.ts";
import { createStay } from "./stay.ts";
import { tickerOf } from "./ticker.ts";

const aPlan = (changes: Partial<BotPlan> = {}): BotPlan => ({
  ...{ number: 0, arriveMs: 0, leaveMs: 60_000, room: "arena", filters: {}, persona: "casual", depth: "full" },
  ...{ network: "none", cutsMs: [], seed: 1 },
  ...changes,
});

/** What the first of six players saw in five seconds of a match with bots. */
function recordViews(): RecordedView[] {
  const { world } = aMatch({ botFill: 6 }, 1);
  const views: RecordedView[] = [];
  run(world, 5 * TICK_HZ, {
    each() {
      const state = copyOf(world);
      const self = state.players.get("0");
      if (self !== undefined) views.push({ state: state as unknown as AnyState, slot: 0, self, body: self });
    },
  });
  return views;
}

const views = recordViews();

test.each(personas)(
  "[BOT1] a %s bot decides the same on the same views, and otherwise with another seed",
  (persona) => {
    const hash = (seed: number) => decisionHash(aPlan({ persona, seed }), views);
    expect(views.length).toBe(5 * TICK_HZ);
    expect(hash(7)).toBe(hash(7));
    expect(new Set([7, 8, 9, 70, 71].map(hash)).size).toBe(5);
    // The views are not changed by being looked at, and a bot that sees something decides by it.
    expect(decisionHash(aPlan({ persona }), views.slice(0, 100)) === decisionHash(aPlan({ persona }), views)).toBe(
      false,
    );
  },
);

test("[BOT1] decisions take nothing from clock, process or order: many bots in turn decide as each does alone", () => {
  const play = (seed: number) => {
    const random = createSeededRandom(seed, 1);
    const memory = arenaBot.remember(random);
    return (view: RecordedView) => arenaBot.decide({ ...(view as never as View), mood: "frantic" }, memory, random);
  };
  const alone = [3, 4, 5].map((seed) => views.map(play(seed)));
  const players = [3, 4, 5].map(play);
  const together: object[][] = [[], [], []];
  for (const view of views) for (const [index, decide] of players.entries()) together[index]?.push(decide(view));
  expect(together).toEqual(alone);
});
type View = Omit<Parameters<typeof arenaBot.decide>[0], "mood">;

test("[BOT2] personas differ: the idle stand, the frantic always move and fire, the casual do both now and then", () => {
  const shares = (persona: Persona) => {
    const inputs = Array.from({ length: 8 }, (_, seed) => rehearsal(aPlan({ persona, seed }))).flat() as Input[];
    const share = (has: (input: Input) => boolean) => inputs.filter(has).length / inputs.length;
    return {
      moving: share(({ moveX, moveY }) => moveX !== 0 || moveY !== 0),
      firing: share(({ buttons: pressed }) => (pressed & buttons.fire) !== 0),
    };
  };
  expect(shares("idle")).toEqual({ moving: 0, firing: 0 });
  expect(shares("frantic")).toEqual({ moving: 1, firing: 1 });
  expect(shares("casual").firing).toBeGreaterThan(0);
  expect(shares("casual").firing).toBeLessThan(0.3);
  expect(shares("shopper")).toEqual(shares("casual"));
  const living = views.filter(({ body }) => (body as { alive: boolean }).alive);
  const decided = (mood: "casual" | "frantic") => {
    const random = createSeededRandom(1, 1);
    const memory = arenaBot.remember(random);
    return living.map((view) => arenaBot.decide({ ...(view as never as View), mood }, memory, random)).filter(fires);
  };
  expect(living.length).toBeGreaterThan(views.length / 3);
  expect(decided("frantic").length).toBe(living.length);
  expect(decided("casual").length).toBeLessThan(0.7 * living.length);
});
type Input = { moveX: number; moveY: number; buttons: number };
const fires = (input: { buttons: number }) => (input.buttons & buttons.fire) !== 0;

test("[BOT2] light inputs are as long as a round, shared by seed, and differ between seeds", () => {
  const { first, cycle } = framesOf(aPlan({ seed: 1 }));
  expect(first.length).toBe(4 * TICK_HZ);
  expect(cycle.length).toBe(first.length);
  expect(framesOf(aPlan({ seed: 65 })).first).toBe(first);
  expect(Buffer.concat([...framesOf(aPlan({ seed: 2 })).first]).equals(Buffer.concat([...first]))).toBe(false);
  // Whoever stands still sends the whole input once, and then that nothing has changed.
  const idle = framesOf(aPlan({ persona: "idle" }));
  expect(idle.cycle.map((frame) => frame.length)).toEqual([2 + 4 + 1]);
});

/** A judge, a world that it looks at, and what it said. */
function aJudge() {
  const said: string[] = [];
  const judge = new StateJudge(arenaBot as never, (invariant, details) => void said.push(`${invariant} ${details}`));
  const { world } = aMatch({ botFill: 4 }, 1);
  const look = (change: (world: World) => unknown = () => {}) => {
    said.length = 0;
    run(world, 2);
    change(world);
    judge.look(world as unknown as AnyState, 0);
    return [...said];
  };
  return { judge, world, look };
}
const player = (world: World, slot = 0) => world.players.get(String(slot)) ?? world.createPlayer();

test("[BOT6] each wrong value in a state is found, said once, and said again when it comes again", () => {
  const { look } = aJudge();
  const sound = { x: 29, y: 8, vx: 0, vy: 0, health: 100, alive: true, slot: 1, fireCooldown: 0, dashCooldown: 0 };
  const with_ = (wrong: object) => look((world) => Object.assign(player(world, 1), sound, wrong));
  expect(with_({})).toEqual([]);
  expect(with_({ health: 200 })).toEqual(["I7 A player's health is 200, allowed are 0 to 100."]);
  expect(with_({ health: 200 })).toEqual([]);
  for (const [wrong, words] of [
    [{ health: 200 }, "health"],
    [{ health: 0 }, "lives"],
    [{ x: 40 }, "outside the map"],
    [{ y: -30 }, "outside the map"],
    [{ x: Number.NaN }, "outside the map"],
    [{ x: 5, y: 5.5 }, "inside a wall"],
    [{ vx: 30 }, "faster"],
    [{ vy: Number.NaN }, "faster"],
    [{ fireCooldown: 9 }, "fireCooldown"],
    [{ dashCooldown: 81 }, "dashCooldown"],
    [{ slot: 5 }, "slot"],
  ] as const) {
    expect(with_({})).toEqual([]);
    expect(with_(wrong)).toEqual([expect.stringContaining(words)]);
  }
});

test("[BOT6] seats, ticks, phases and the bot's own place are looked at, too", () => {
  const crowded = aJudge();
  const crowd = (world: World) => {
    for (let slot = 8; slot < 25; slot++)
      world.players.set(String(slot), Object.assign(world.createPlayer(), { slot }));
  };
  crowded.look();
  expect(crowded.look(crowd)).toContainEqual(expect.stringContaining("I5"));
  const absent = aJudge();
  expect(absent.look((world) => world.players.delete("0"))).toContainEqual(expect.stringContaining("own player"));
  const late = aJudge();
  late.look();
  expect(late.look((world) => Object.assign(world, { tick: world.tick - 10 }))).toEqual(["I7 The tick went back."]);
  const turned = aJudge();
  turned.look();
  expect(turned.look((world) => Object.assign(world, { phase: phases.waiting }))[0]).toContain("followed on");
  const older = aJudge();
  older.look();
  expect(older.look((world) => Object.assign(world, { matchNumber: 0 }))[0]).toContain("earlier match");
});

test("[BOT6] after a reconnect the same match may be a second behind, but not another one", () => {
  const adopted = aJudge();
  run(adopted.world, 200);
  adopted.look();
  adopted.judge.interrupt();
  expect(adopted.look((world) => Object.assign(world, { tick: world.tick - 42 }))).toEqual([]);
  adopted.judge.interrupt();
  expect(adopted.look((world) => Object.assign(world, { tick: 3 }))).toContainEqual(expect.stringContaining("another"));
});

/** A room of one dimension, where an input moves by up to one unit, and what an audit of it says. */
function anAudit() {
  const said: string[] = [];
  const echoes: number[] = [];
  const prediction = {
    ...{ fields: ["x"], drawn: ["x"], snapUnits: 3, unitsPerInputMax: 1 },
    step: (body: { x: number }, input: { go: number }) => Object.assign(body, { x: body.x + input.go }),
    lifeOf: (_state: unknown, self: { life?: string }) => self.life ?? "",
  };
  const audit = new InputAudit({
    room: { ...arenaBot, prediction } as never,
    onEcho: (ms) => void echoes.push(ms),
    violation: (_invariant, details) => void said.push(details),
  });
  let tick = 0;
  let seq = 0;
  /** The server plays two inputs in two ticks, and answers with where the player is. */
  const patch = (x: number, { steps = 2, count = 2, life = "" } = {}) => {
    for (let sent = 0; sent < count; sent++) audit.sent(++seq, { dueMs: tick * 25, input: { go: 0.5 } });
    tick += steps;
    audit.look({ state: { tick }, self: { x, life }, seq, atMs: tick * 25 + 30 });
    return said.length;
  };
  return { patch, said, echoes, audit };
}

test("[BOT6] a place that the bot's inputs do not lead to is found; a lost or late input, a respawn and a reconnect are none", () => {
  const { patch, said, audit, echoes } = anAudit();
  expect(patch(0)).toBe(0);
  expect(patch(1)).toBe(0);
  // An input was dropped; then one was played twice.
  expect(patch(1.5)).toBe(0);
  expect(patch(3)).toBe(0);
  expect(patch(20, { life: "respawned" })).toBe(0);
  audit.reset();
  expect(patch(50)).toBe(0);
  expect(patch(56)).toBe(1);
  expect(said[0]).toContain("in the middle of its life");
  expect(patch(Number.NaN)).toBe(2);
  expect(echoes.length).toBeGreaterThan(8);
});

test("[BOT6] so is a player that is carried off a little in every patch, but not on a link that loses inputs", () => {
  const carried = anAudit();
  for (let patches = 1; patches < 70; patches++) carried.patch(1.1 * patches);
  expect(carried.said).toHaveLength(1);
  expect(carried.said[0]).toContain("patch after patch");
  const honest = anAudit();
  for (let patches = 1; patches < 70; patches++) honest.patch(patches);
  const shaky = anAudit();
  for (let patches = 1; patches < 70; patches++) shaky.patch(1.1 * patches, { count: patches % 2 === 0 ? 0 : 4 });
  expect([...honest.said, ...shaky.said]).toEqual([]);
});

test("[BOT11] a stay ends at its moment or with the run, and what waits in it ends with it", async () => {
  const startedMs = performance.now();
  const run_ = new AbortController();
  const world = { nowMs: () => performance.now() - startedMs, signal: run_.signal };
  const short = createStay({ leaveMs: 30 }, world);
  expect(await short.until(5)).toBe(true);
  const [later] = await Promise.all([short.until(10_000), short.over]);
  expect([later, short.isOver]).toEqual([false, true]);
  const cut = createStay({ leaveMs: 60_000 }, world);
  const waits = [cut.until(20_000), cut.until(30_000), cut.until(0)];
  cut.at(20_000, () => expect.unreachable());
  await waits[2];
  run_.abort();
  expect(await Promise.all(waits)).toEqual([false, false, true]);
  expect(createStay({ leaveMs: 60_000 }, world).isOver).toBe(true);
});

test("[BOT3] a ticker calls each member once in a period, spread over it, and its timer ends with the last", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const ticker = tickerOf({ periodMs: 20, phases: 4 });
  const called = [0, 0, 0, 0, 0, 0, 0, 0];
  const stops = called.map((_, index) => ticker.add(() => called.splice(index, 1, (called[index] ?? 0) + 1)));
  await new Promise((resolve) => setTimeout(resolve, 210));
  for (const stop of [...stops, ...stops]) stop();
  expect(Math.max(...called) - Math.min(...called)).toBeLessThanOrEqual(1);
  expect(Math.max(...called)).toBeGreaterThan(3);
  expect(Math.max(...called)).toBeLessThan(12);
  expect(timers()).toBeLessThanOrEqual(before);
});
