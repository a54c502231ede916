import type { CrashPoint } from "../../src/platform/crash-point.ts";

/** Who acts in a suite: accounts with money, each with a session of its own. */
export interface Actor {
  readonly accountId: string;
  readonly token: string;
}

/**
 * A verb under test: how it is asked for, and how its effects are counted afterwards. One more line here puts another verb
 * through everything that the suite does.
 */
export interface ChaosVerb {
  readonly name: string;
  /** `app`: a route of the server itself. `doors`: one of src/testing/stacks/economy-server.ts. */
  readonly at: "app" | "doors";
  readonly path: string;
  /** What is asked with this key. The same key always asks the same. */
  readonly body: (key: string, actor: Actor, other: Actor) => Readonly<Record<string, unknown>>;
  /** The points of platform/crash-point.ts that it comes to. */
  readonly points: readonly CrashPoint[];
  /** Counts effects by key: rows of `key` and `effects`; `$1` is an array of keys. */
  readonly effects: string;
  /** The statement by which it commits: COMMIT, or the one statement that is all of it. */
  readonly commit: RegExp;
  /** Its effect comes after its answer, by a job; no later than so many seconds. */
  readonly withinSeconds?: number;
}

const once: readonly CrashPoint[] = ["once.claimed", "once.worked", "once.kept", "once.committed"];
const COMMIT = /^\s*commit/i;
const movements = `
  select reference as key, count(distinct movement_id)::int as effects from umpire.wallet_lines
  where reference = any($1::text[]) group by 1`;

export const AMOUNT = 5;
const move = (key: string, { accountId }: Actor) => ({ key, accountId, amount: AMOUNT });

export const verbs: readonly ChaosVerb[] = [
  { name: "purchase", at: "doors", path: "/purchase", body: move, points: once, effects: movements, commit: COMMIT },
  { name: "grant", at: "doors", path: "/grant", body: move, points: once, effects: movements, commit: COMMIT },
  {
    name: "transfer",
    at: "doors",
    path: "/transfer",
    body: (key, actor, other) => ({ ...move(key, actor), to: other.accountId }),
    points: once,
    effects: movements,
    commit: COMMIT,
  },
  {
    name: "match-result",
    at: "doors",
    path: "/match",
    body: move,
    points: ["match.received", "match.recorded"],
    effects: `
      select match_id as key, count(*)::int as effects from umpire.progression_match_players
      where match_id = any($1::text[]) group by 1`,
    commit: /progression_matches/,
  },
  {
    name: "reward-job",
    at: "doors",
    path: "/reward",
    body: move,
    points: ["once.kept", "once.committed", "job.taken", "job.done"],
    effects: movements,
    commit: COMMIT,
    withinSeconds: 30,
  },
];
