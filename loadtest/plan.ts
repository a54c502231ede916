import { createHash } from "node:crypto";
import type { BotPlan, Depth, Persona } from "./bots/bot.ts";
import { personas } from "./bots/bot.ts";
import { type NetworkText, parseNetworkProfile } from "./network-profile-text.ts";
import { drawPopulation, durationMs } from "./population.ts";
import { deal, type Parts, placeProbes } from "./quotas.ts";
import { createSeededRandom } from "./random.ts";
import type { Scenario, Shares } from "./scenario.ts";

export interface PlanOptions {
  /** The largest steady population, instead of the scenario's. */
  readonly bots?: number | undefined;
  /** Puts everyone on one network. */
  readonly network?: NetworkText | undefined;
  /** From 0 to 2^32 - 1. */
  readonly seed: number;
}

/** So many bots take part in a run at most, a spike's visitors included. */
export const BOTS_MAX = 200_000;
const SECONDS_MAX = 7 * 24 * 3600;
const FULL_SHARE_MIN = 0.01;
/** One stream of randomness for each purpose, so that a change of one share leaves all the rest as it was. */
const STREAMS = { depth: 1, room: 2, persona: 3, network: 4, bot: 5 } as const;

/**
 * Everything that a run's bots will do that can be known beforehand: who comes when, where, as whom, over which network.
 * The same scenario, options and seed give the same plan on any machine. Bots are numbered in the order of their arrival.
 *
 * Fails with a RangeError that says what in the scenario makes no sense.
 */
export function planRun(scenario: Scenario, { bots = scenario.bots, network, seed }: PlanOptions): BotPlan[] {
  checkScenario(scenario, bots);
  const stays = drawPopulation({ population: scenario.population, bots, seed });
  insist(stays.length >= 1, "Nobody ever comes: the population has to begin with a ramp.");
  insist(stays.length <= BOTS_MAX, `These are ${stays.length} bots, and a run has ${BOTS_MAX} at most.`);
  const random = (purpose: keyof typeof STREAMS) => createSeededRandom(seed, STREAMS[purpose]);
  const probes = Math.max(1, Math.round(stays.length * scenario.fullShare));
  const isFull = placeProbes(stays.length, probes, random("depth"));
  const rooms = deal(
    scenario.rooms.map((room) => [room, room.share]),
    isFull,
    random("room"),
  );
  const roles = deal(partsOf(scenario.personas), isFull, random("persona"));
  const networks = deal(network === undefined ? partsOf(scenario.networks) : [[network, 1]], isFull, random("network"));
  return stays.map((stay, number) => ({
    number,
    ...stay,
    room: rooms[number]?.room ?? "",
    filters: rooms[number]?.filters ?? {},
    persona: roles[number] as Persona,
    depth: (isFull[number] ? "full" : "light") satisfies Depth,
    network: networks[number] as NetworkText,
    seed: createSeededRandom(seed, STREAMS.bot, number).uint32(),
  }));
}

/** A fingerprint of a plan: two runs with the same one had the same crowd, decisions and networks. */
export function planHash(plan: readonly BotPlan[]): string {
  const hash = createHash("sha256");
  for (const { number, arriveMs, leaveMs, room, filters, persona, depth, network, cutsMs, seed } of plan) {
    const sorted = Object.entries(filters).sort(([one], [other]) => (one < other ? -1 : 1));
    hash.update(JSON.stringify([number, arriveMs, leaveMs, room, sorted, persona, depth, network, cutsMs, seed]));
  }
  return hash.digest("hex").slice(0, 16);
}

/** How many bots the plan has there at the end of each second, from 0; whoever leaves at the very end is still there. */
export function plannedAt(plan: readonly BotPlan[], seconds: number): number[] {
  const changes = new Array<number>(seconds + 2).fill(0);
  const place = (ms: number) => Math.min(seconds + 1, Math.floor(ms / 1000) + 1);
  for (const { arriveMs, leaveMs } of plan) {
    changes[place(arriveMs)] = (changes[place(arriveMs)] ?? 0) + 1;
    changes[place(leaveMs)] = (changes[place(leaveMs)] ?? 0) - 1;
  }
  let there = 0;
  return changes.slice(0, seconds + 1).map((change) => (there += change));
}

function checkScenario(
  { population, rooms, personas: roles, networks, fullShare, warmUpSeconds }: Scenario,
  bots: number,
) {
  insist(Number.isInteger(bots) && bots >= 1 && bots <= BOTS_MAX, `bots must be a whole number from 1 to ${BOTS_MAX}.`);
  for (const phase of population) {
    insist(phase.seconds > 0 && phase.seconds <= SECONDS_MAX, `A ${phase.kind} lasts more than 0 seconds.`);
    insist(
      phase.kind !== "ramp" || (phase.to >= 0 && phase.to <= 1),
      "A ramp goes to a part of the bots, from 0 to 1.",
    );
    insist(
      phase.kind !== "spike" || (phase.times >= 1 && phase.times <= 100),
      "A spike is from 1 to 100 times as many.",
    );
  }
  const seconds = durationMs(population) / 1000;
  insist(warmUpSeconds >= 0 && warmUpSeconds < seconds, `Of ${seconds} seconds some must be left behind the warm-up.`);
  insist(fullShare >= FULL_SHARE_MIN && fullShare <= 1, `fullShare must be from ${FULL_SHARE_MIN} to 1.`);
  checkShares(
    "rooms",
    rooms.map(({ share }) => share),
  );
  checkShares("personas", Object.values(roles));
  checkShares(
    "networks",
    partsOf(networks).map(([, share]) => share),
  );
  for (const name of Object.keys(roles)) insist(personas.includes(name as Persona), `There is no persona "${name}".`);
  for (const text of Object.keys(networks)) parseNetworkProfile(text);
}

function checkShares(what: string, shares: readonly number[]): void {
  insist(
    shares.every((share) => share >= 0 && share < Number.POSITIVE_INFINITY) && shares.some((share) => share > 0),
    `The shares of ${what} must be 0 or more, and one above 0.`,
  );
}

function partsOf<Name extends string>(shares: Shares<Name>): Parts<Name> {
  return Object.entries(shares) as [Name, number][];
}

function insist(condition: boolean, message: string): void {
  if (!condition) throw new RangeError(message);
}
