import { z } from "zod";
import { personas } from "./bots/bot.ts";
import { counters, measures } from "./measures.ts";
import { isNetwork } from "./network-profile-text.ts";
import { BOTS_MAX } from "./plan.ts";

/** Either side may be wrong, or not who it says: whatever comes is checked, and nothing is without a bound. */
const amount = z.number().min(0).finite();
const whole = z.int().min(0);
const words = z.string().max(1000);
const network = z.string().max(200).refine(isNetwork);
const histogram = z.base64().max(64 * 1024);

const phase = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ramp"), seconds: amount, to: amount }),
  z.strictObject({ kind: z.literal("steady"), seconds: amount }),
  z.strictObject({ kind: z.literal("spike"), seconds: amount, times: amount }),
  z.strictObject({ kind: z.literal("storm"), seconds: amount }),
]);

/** What a plan is made of. An agent does not judge, so it is told no budgets. */
const scenario = z.strictObject({
  about: words,
  bots: whole.max(BOTS_MAX),
  population: z.array(phase).min(1).max(100),
  rooms: z
    .array(
      z.strictObject({
        room: z.string().min(1).max(100),
        filters: z.record(z.string().max(100), z.unknown()).optional(),
        share: amount,
      }),
    )
    .min(1)
    .max(100),
  personas: z.partialRecord(z.enum(personas), amount),
  networks: z.record(network, amount),
  fullShare: amount,
  warmUpSeconds: amount,
});

/** What an agent is to play. */
const task = z.strictObject({
  is: z.literal("task"),
  scenario,
  bots: whole.max(BOTS_MAX),
  network: network.nullable(),
  seed: whole.max(2 ** 32 - 1),
  endpoint: z.url().max(500),
  runName: z.string().max(200),
  workers: z.int().min(1).max(256),
  /** Which of how many parts. */
  share: z.strictObject({ index: whole, of: z.int().min(1).max(1000) }),
  /** Of the whole plan: an agent that makes another of it has other code. */
  planHash: z.string().max(64),
});
export type AgentTask = z.infer<typeof task>;

export const toAgent = z.discriminatedUnion("is", [
  task,
  z.strictObject({ is: z.literal("ping") }),
  z.strictObject({ is: z.literal("start"), inMs: amount.max(60_000) }),
  z.strictObject({ is: z.literal("abort") }),
]);
export type ToAgent = z.infer<typeof toAgent>;

const report = z.strictObject({
  at: whole,
  window: z.strictObject({
    counters: z.partialRecord(z.enum(counters), amount),
    errors: z.record(z.string().max(100), whole),
    violations: z
      .array(z.strictObject({ invariant: words, details: words, count: whole }))
      .max(100)
      .readonly(),
    measures: z.partialRecord(z.enum(measures), histogram),
    seated: z.int(),
    seatedMs: amount,
  }),
  cpu: amount,
  late: histogram,
  steal: amount.nullable(),
});

export const fromAgent = z.discriminatedUnion("is", [
  z.strictObject({ is: z.literal("ready") }),
  z.strictObject({ is: z.literal("refused"), words }),
  z.strictObject({ is: z.literal("pong") }),
  z.strictObject({ is: z.literal("report"), report }),
  z.strictObject({ is: z.literal("lost"), words }),
  z.strictObject({ is: z.literal("done") }),
]);
export type FromAgent = z.infer<typeof fromAgent>;
