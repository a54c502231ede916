import { expect, test } from "vitest";
import { ClientError } from "../../../src/client/errors.ts";
import { createIntents } from "./intents.ts";

/** What became of each sending, in their order; the keys that were sent are noted. */
function aServer(...outcomes: readonly (ClientError["code"] | null)[]) {
  const keys: string[] = [];
  const statusOf = { NETWORK: 0, UNAVAILABLE: 503, RATE_LIMITED: 429, WALLET_INSUFFICIENT: 409 } as const;
  const send = async (key: string) => {
    const code = outcomes[keys.push(key) - 1] ?? null;
    if (code === null) return "done";
    throw new ClientError({ code, message: code, status: statusOf[code as keyof typeof statusOf] });
  };
  return { keys, send };
}

test("[PAGE9] one key is sent until something is known, and a new one after an answer or a refusal", async () => {
  const carryOut = createIntents();
  const { keys, send } = aServer("NETWORK", "UNAVAILABLE", "RATE_LIMITED", null, "WALLET_INSUFFICIENT", null);
  for (let press = 0; press < 6; press++) await carryOut("offer", "ember", send).catch(() => {});
  const [first, , , fourth, fifth, sixth] = keys;
  expect(keys.slice(0, 4)).toEqual([first, first, first, first]);
  expect(new Set([fourth, fifth, sixth]).size).toBe(3);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
});

test("[PAGE9] another wish about the same thing has a key of its own, and so has the first when it is wished again", async () => {
  const carryOut = createIntents();
  const { keys, send } = aServer("NETWORK", "NETWORK", "NETWORK");
  for (const wish of ["ember", "frost", "ember"]) await carryOut("slot skin", wish, send).catch(() => {});
  expect(new Set(keys).size).toBe(3);
});
