import { expect, test } from "vitest";
import { crashPoints } from "../../src/platform/crash-point.ts";
import { StatementReader } from "./commit-proxy.ts";
import type { ChaosRow } from "./economy.ts";
import { isFaultless, troubleOf } from "./judge.ts";
import { runEconomy } from "./suite.ts";
import { verbs } from "./verbs.ts";
import { aRecord } from "./writers.ts";

const message = (type: string, ...texts: string[]) => {
  const body = Buffer.from(texts.map((text) => `${text}\0`).join(""));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

test("[CHAOS1] T8: a COMMIT is known when it is run: sent whole, prepared before, or cut into bytes", () => {
  const startup = Buffer.from([0, 0, 0, 8, 0, 3, 0, 0]);
  const bytes = Buffer.concat([
    startup,
    message("Q", "begin"),
    message("P", "s1", "commit"),
    message("S"),
    message("B", "", "s1"),
    message("Q", "COMMIT"),
  ]);
  const whole = new StatementReader();
  expect(whole.read(bytes)).toEqual(["begin", "commit", "COMMIT"]);
  const slow = new StatementReader();
  expect([...bytes].flatMap((byte) => slow.read(Buffer.of(byte)))).toEqual(["begin", "commit", "COMMIT"]);
});

test("[CHAOS1] every crash point is on the way of a verb, and a verdict with anything in it is not faultless", () => {
  expect(new Set(verbs.flatMap(({ points }) => points))).toEqual(new Set(crashPoints));
  const clean = { acknowledged: 1, unanswered: 0, lost: 0, doubled: 0, changed: 0, discrepancies: 0 };
  expect(isFaultless(clean)).toBe(true);
  for (const name of ["unanswered", "lost", "doubled", "changed", "discrepancies"]) {
    expect(isFaultless({ ...clean, [name]: 1 })).toBe(false);
  }
});

test("[CHAOS3] nobody waits for ever for a key, and who gave up says which and why", () => {
  const actor = { accountId: "acc_1", token: "" };
  const answered = { ...aRecord("k-1", actor, actor), answer: "{}" };
  expect(troubleOf([answered])).toBeUndefined();
  const silent = { ...aRecord("k-2", actor, actor), attempts: 40, trouble: "503 {}" };
  expect(troubleOf([answered, silent, silent])).toBe("2 keys unanswered, such as k-2 after 40 attempts: 503 {}");
});

test("[CHAOS2] T7, T8, T9: whoever dies, whatever was acknowledged is there once and the books balance", async () => {
  const rows: ChaosRow[] = [];
  const result = await runEconomy({ length: "quick", seed: 1, onRow: (row) => rows.push(row) });
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  expect(result.void).toBeNull();
  const ids = ["T7/purchase", "T8/purchase", ...verbs.map(({ name }) => `T9/${name}`)];
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(ids));
}, 120_000);
