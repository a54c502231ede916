import type { Recorder } from "../measures.ts";
import type { NetworkText } from "../network-profile-text.ts";

/** `full` decodes state, predicts and checks what it sees; `light` counts what it is sent, at a tenth of the cost. */
export type Depth = "full" | "light";

export const personas = ["idle", "casual", "frantic", "shopper", "griefer"] as const;
export type Persona = (typeof personas)[number];

/** One bot's part of a run, drawn from the seed before anything starts. */
export interface BotPlan {
  /** From 0, the same in every worker and agent. */
  readonly number: number;
  /** When it asks for a seat and when it leaves, in ms from the beginning of the run. */
  readonly arriveMs: number;
  readonly leaveMs: number;
  readonly room: string;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly persona: Persona;
  readonly depth: Depth;
  readonly network: NetworkText;
  /** When its connection is cut, in ms from the beginning of the run; it redials as a player's client does. */
  readonly cutsMs: readonly number[];
  /** Of its decisions and of its network: from 0 to 2^32 - 1. */
  readonly seed: number;
}

/** What a bot is given to play with. */
export interface BotWorld {
  /** `http://host:port` */
  readonly endpoint: string;
  readonly loadtestKey: string | undefined;
  /** Tells the bots of one run from those of another on the same server. */
  readonly runName: string;
  readonly recorder: Recorder;
  /** Ms since the beginning of the run. */
  nowMs(): number;
  /** Aborted when the run ends early: everyone leaves at once. */
  readonly signal: AbortSignal;
}

/** Plays a bot's part from `arriveMs` to `leaveMs`. Never fails: whatever goes wrong is recorded. */
export type PlayBot = (plan: BotPlan, world: BotWorld) => Promise<void>;
