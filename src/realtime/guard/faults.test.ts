import { expect, test } from "vitest";
import { until } from "../../testing/app.ts";
import { weaknesses } from "../../testing/stacks/fragile-rooms.ts";
import type { Visitor } from "../../testing/stacks/stack.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";
import { TIMED } from "../../testing/timed.ts";

const stack = await useStack();
const ROOMS = 20;
const TICK_MS = 50;

/** The longest wait for a patch in any of the rooms while `task` runs and for half a second more. */
async function longestGapMs(visitors: readonly Visitor[], task: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await task();
  const patches = visitors.map(({ patchesMs }) => patchesMs.length);
  await until(() => visitors.every(({ patchesMs }, index) => patchesMs.length > (patches[index] ?? 0) + 10));
  return Math.max(...visitors.map((visitor) => visitor.longestGapMs(startedMs)));
}

test(
  "[CONTAIN5] T1: one room of twenty fails in every way there is; the others lose neither a player nor a patch",
  TIMED,
  async () => {
    const server = await stack();
    const lanes = Array.from({ length: ROOMS }, (_, index) => ({ lane: `t1-${index}` }));
    const visitors = await Promise.all(lanes.map((lane) => server.join("fragile", lane)));
    const [faulty, ...others] = visitors as [Visitor, ...Visitor[]];
    const controlMs = await longestGapMs(others, async () => {});
    const faultyMs = await longestGapMs(others, async () => {
      for (const weakness of weaknesses) {
        faulty.say(weakness);
        await until(() => server.output.includes(`broken on purpose: ${weakness}`), 2000);
      }
      faulty.say("join");
      await expect(server.join("fragile", lanes[0])).rejects.toThrow();
    });
    await server.expectAlive();
    expect(visitors.filter(({ socket }) => socket.isClosed)).toEqual([]);
    // Without a fault the rooms have to keep time themselves, or the machine is at fault.
    expect(faultyMs).toBeLessThan(Math.max(2 * TICK_MS, 1.5 * controlMs));
    const lines = server.log.filter(({ roomId }) => roomId === faulty.roomId);
    for (const weakness of [...weaknesses, "enter"]) {
      const line = lines.find(({ err }) => String((err as { message?: string })?.message).endsWith(weakness));
      expect(line, weakness).toMatchObject({ room: "fragile", hook: expect.any(String), errorId: expect.any(String) });
    }
    const errors = faulty.messages.filter(({ type }) => type === "error").map(({ payload }) => payload);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toMatchObject({ code: "INTERNAL", errorId: expect.any(String) });
    expect(JSON.stringify(errors)).not.toContain("on purpose");
  },
);
