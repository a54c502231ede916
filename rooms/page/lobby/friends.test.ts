import { expect, test } from "vitest";
import { createSeededRandom } from "../../../src/platform/random.ts";
import { drawCode, readCode } from "../../../src/realtime/matchmaking/invitations.ts";
import { carryOut, codeText } from "./friends.ts";

test("[PAGE11] a code leads to friends however it is typed, and none opens a room for them", async () => {
  const done: string[] = [];
  const ways = {
    onInvite: async () => void done.push("opened"),
    onCode: async (code: string) => void done.push(code),
  };
  for (const text of ["", "   ", " abc-def ", "ABCDEF"]) await carryOut(text, ways);
  expect(done).toEqual(["opened", "opened", "abc-def", "ABCDEF"]);
  await expect(carryOut("x", { ...ways, onCode: () => Promise.reject(new Error("no")) })).rejects.toThrow("no");
});

test("[PAGE11] the code that a player reads out is the one that the server takes", () => {
  const code = drawCode(createSeededRandom(3));
  expect(codeText(code)).toMatch(/^\w{3}-\w{3}$/);
  expect(readCode(codeText(code).toLowerCase())).toBe(code);
});
