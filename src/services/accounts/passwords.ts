import { hash, parseOptions, verify } from "@node-rs/argon2";
import { AppError } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";

/** What a stored password costs to try. */
interface HashCost {
  /** KiB. */
  readonly memoryCost: number;
  readonly timeCost: number;
  readonly parallelism: number;
}

/** Argon2id as the OWASP Password Storage Cheat Sheet recommends it: 19 MiB, two passes, one lane; about 25 ms. */
export const owaspCost: HashCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const ARGON2ID = 2;

/** Of libuv's four threads, so that files and name lookups find a free one while people sign in. */
const AT_ONCE_MAX = 2;
/** About a second of waiting. Whoever comes then is told to come back, which costs nothing. */
const WAITING_MAX = 64;

export interface Passwords {
  /** Hashes a password exactly as received: no trimming, no normalisation. Fails with UNAVAILABLE when too many wait. */
  hash(password: string): Promise<string>;
  /**
   * `outdated` is right too, but was hashed at another cost and should be hashed anew. Without a stored hash the answer
   * is `wrong` after the same work, so that its time does not tell that nobody has this e-mail address.
   */
  check(stored: string | null, password: string): Promise<"right" | "outdated" | "wrong">;
}

/** Hashes on libuv's threads, never on the game's loop, and a bounded number at a time. */
export function createPasswords({ random, cost = owaspCost }: { random: Random; cost?: HashCost }): Passwords {
  const inTurn = createTurns();
  const decoy = decoyHash(random, cost);
  return {
    hash: (password) => inTurn(() => hash(password, { ...cost, algorithm: ARGON2ID })),
    async check(stored, password) {
      const isRight = await inTurn(() => verify(stored ?? decoy, password));
      if (stored === null || !isRight) return "wrong";
      return hasCost(stored, cost) ? "right" : "outdated";
    },
  };
}

function hasCost(stored: string, cost: HashCost): boolean {
  const { algorithm, memoryCost, timeCost, parallelism } = parseOptions(stored);
  return (
    algorithm === ARGON2ID &&
    memoryCost === cost.memoryCost &&
    timeCost === cost.timeCost &&
    parallelism === cost.parallelism
  );
}

/** The form of a hash at this cost, of a password that nobody knows, because it has none. */
function decoyHash(random: Random, { memoryCost, timeCost, parallelism }: HashCost): string {
  const part = (bytes: number) => Buffer.from(random.bytes(bytes)).toString("base64").replace(/=+$/, "");
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${part(16)}$${part(32)}`;
}

function createTurns(): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < AT_ONCE_MAX) running++;
    else if (waiting.length >= WAITING_MAX) throw new AppError("UNAVAILABLE", { retryAfterSeconds: 1 });
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // A waiting task takes over this one's place; nobody else can slip in between.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
