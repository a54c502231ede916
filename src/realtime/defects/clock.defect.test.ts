import { expect, test } from "vitest";
import { until } from "../../testing/app.ts";
import { STEPS_PER_SECOND } from "../../testing/stacks/boards.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";

const stack = await useStack();
const HOUR_MS = 3_600_000;

test("[DEFECT1] F7: the game goes on when the machine's clock steps back by an hour or a week", async () => {
  const server = await stack();
  const room = await server.joinSdk<{ tick: number }>("walk", { lane: "back" });
  await until(() => room.state?.tick > 0);
  for (const stepMs of [-HOUR_MS, -7 * 24 * HOUR_MS]) {
    await server.ask("clock", stepMs);
    const from = { tick: room.state.tick, ms: performance.now() };
    await until(() => performance.now() - from.ms >= 600);
    const perSecond = ((room.state.tick - from.tick) * 1000) / (performance.now() - from.ms);
    expect({ stepMs, isTicking: perSecond > STEPS_PER_SECOND / 2 }).toEqual({ stepMs, isTicking: true });
  }
  await server.ask("clock", 0);
  await room.leave();
});

test("[DEFECT1] F8: a delay of a minute takes a minute when the machine's clock steps forward by an hour", async () => {
  const server = await stack();
  const visitor = await server.join("yard", { lane: "forth" });
  visitor.say("alarm", { ms: 60_000 });
  await until(() => visitor.patchesMs.length > 2);
  await server.ask("clock", HOUR_MS);
  const patches = visitor.patchesMs.length;
  await until(() => visitor.patchesMs.length > patches + 10);
  expect(visitor.messages.filter(({ type }) => type === "rang")).toEqual([]);
  await server.ask("clock", 0);
});
