import type { Persona } from "./bots/bot.ts";
import type { NetworkText } from "./network-profile-text.ts";

/** How many bots there are over time. Every phase begins with the population that the one before ended with. */
export type Phase =
  | { readonly kind: "ramp"; readonly seconds: number; readonly to: number }
  | { readonly kind: "steady"; readonly seconds: number }
  /** `times` as many arrive within a second, stay, and leave again. */
  | { readonly kind: "spike"; readonly seconds: number; readonly times: number }
  /** Everybody's connection is cut at the beginning, at once, and redials. */
  | { readonly kind: "storm"; readonly seconds: number };

/** Parts of a whole: they need not add up to 1. */
export type Shares<Name extends string> = Readonly<Partial<Record<Name, number>>>;

/** What a run may cost a player or a server at most. Absent is not judged. A figure is judged over the whole run, its first seconds of warm-up excepted. */
export interface Budgets {
  readonly joinMsP99?: number;
  readonly echoMsP99?: number;
  readonly correctionUnitsP95?: number;
  readonly patchGapMsP99?: number;
  readonly reconnectMsP99?: number;
  readonly shopMsP99?: number;
  readonly bytesPerClientSecond?: number;
  /** Errors of any code per request and connection, from 0 to 1. */
  readonly errorRate?: number;
  /** The same for single codes. */
  readonly errorRates?: Readonly<Record<string, number>>;
  /** Ends of connections that nobody meant, per client and minute. */
  readonly disconnectsPerClientMinute?: number;
  /** CPU of the server's processes per 1000 ticks of one client, in ms. */
  readonly cpuMsPerKiloTick?: number;
  readonly loopMsP99?: number;
  readonly tickLateMsP99?: number;
  /** Slope of the server's memory. */
  readonly rssMiBPerMinute?: number;
  /** Things that must never be, as seen from outside: 0 unless told otherwise. */
  readonly violations?: number;
}

export interface RoomShare {
  readonly room: string;
  readonly filters?: Readonly<Record<string, unknown>>;
  readonly share: number;
}

export interface Scenario {
  /** One sentence: what it shows. */
  readonly about: string;
  /** The largest steady population; phases are scaled by it, and `--bots` overrides it. */
  readonly bots: number;
  /** In parts of `bots`: a ramp to 1 is a ramp to all of them. */
  readonly population: readonly Phase[];
  readonly rooms: readonly RoomShare[];
  readonly personas: Shares<Persona>;
  readonly networks: Shares<NetworkText>;
  /** Which part of the bots is full, from 0.01 to 1. */
  readonly fullShare: number;
  /** Not judged. */
  readonly warmUpSeconds: number;
  readonly budgets: Budgets;
}
