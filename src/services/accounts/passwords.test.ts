import { parseOptions } from "@node-rs/argon2";
import { expect, test } from "vitest";
import { AppError } from "../../platform/errors.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createPasswords, owaspCost } from "./passwords.ts";

const passwords = createPasswords({ random: cryptoRandom });
const WEAK = { ...owaspCost, memoryCost: 8192 };

test("[ACCOUNTS3] a password is stored as Argon2id at OWASP's cost", async () => {
  const stored = await passwords.hash("correct horse");
  expect(parseOptions(stored)).toMatchObject({ algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  expect(await passwords.hash("correct horse")).not.toBe(stored);
});

test.each([
  ["a space behind", "correct horse", "correct horse "],
  ["letter case", "correct horse", "Correct horse"],
  ["composed and decomposed", "pässwörd", "pässwörd".normalize("NFD")],
  ["full and half width", "password１", "password1"],
  ["a NUL and what follows", "password\0a", "password\0b"],
  ["the last of 256 characters", `${"x".repeat(255)}a`, `${"x".repeat(255)}b`],
  ["one emoji of many", "🔑".repeat(8), `${"🔑".repeat(7)}🗝`],
])("[ACCOUNTS3] %s makes another password", async (_, password, other) => {
  const stored = await passwords.hash(password);
  expect(await passwords.check(stored, password)).toBe("right");
  expect(await passwords.check(stored, other)).toBe("wrong");
});

test("[ACCOUNTS3] a hash of another cost is right and outdated, and with a wrong password wrong", async () => {
  const stored = await createPasswords({ random: cryptoRandom, cost: WEAK }).hash("correct horse");
  expect(await passwords.check(stored, "correct horse")).toBe("outdated");
  expect(await passwords.check(stored, "another horse")).toBe("wrong");
});

test("[ACCOUNTS4] an unknown address takes the work of a known one", async () => {
  const stored = await passwords.hash("correct horse");
  const leastMs = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
  // The least of many turns is the work itself, without what else the machine is doing.
  for (let turn = 0; turn < 15; turn++) {
    leastMs.known = Math.min(leastMs.known, await timeMs(() => passwords.check(stored, "wrong horse")));
    leastMs.unknown = Math.min(leastMs.unknown, await timeMs(() => passwords.check(null, "wrong horse")));
  }
  expect(await passwords.check(null, "wrong horse")).toBe("wrong");
  expect(leastMs.unknown).toBeGreaterThan(leastMs.known / 4);
});

test("[ACCOUNTS5] the loop turns while passwords are hashed, and too many at once are refused", async () => {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const cheap = createPasswords({ random: cryptoRandom, cost: { ...WEAK, timeCost: 1 } });
  const results = await Promise.allSettled(Array.from({ length: 200 }, () => cheap.hash("correct horse")));
  isOver = true;
  const refused = results.filter((result) => result.status === "rejected").map(({ reason }) => reason);
  expect(refused).toHaveLength(200 - 64 - 2);
  expect(refused.every((reason) => reason instanceof AppError && reason.code === "UNAVAILABLE")).toBe(true);
  expect(turns).toBeGreaterThan(100);
  expect(await cheap.hash("correct horse")).toMatch(/^\$argon2id\$/);
});

async function timeMs(task: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await task();
  return performance.now() - begin;
}
