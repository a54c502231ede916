import { expect, test } from "vitest";
import { until } from "../../testing/app.ts";
import type { Stack } from "../../testing/stacks/stack.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";

const stack = await useStack();
let lane = 0;
const aLane = () => ({ lane: `faults-${lane++}` });

/** Someone in another room keeps playing while `message` does its harm. */
async function expectContained(server: Stack, message: string): Promise<void> {
  const innocent = await server.join("yard", aLane());
  const attacker = await server.join("yard", aLane());
  attacker.say(message);
  const patches = innocent.patchesMs.length;
  await until(() => innocent.patchesMs.length > patches + 5 || innocent.socket.isClosed || server.hasExited);
  await server.expectAlive();
  expect(innocent.socket.isClosed).toBe(false);
}

test("[DEFECT1] B: an exception in a room's step ends neither the process nor another room", async () => {
  await expectContained(await stack(), "break");
});

test("[DEFECT1] F1: a message that its handler stumbles over ends neither the process nor another room", async () => {
  await expectContained(await stack(), "hit");
});

test("[DEFECT1] C: a rejection that nobody awaits ends nothing and is logged with its room", async () => {
  const server = await stack();
  const visitor = await server.join("yard", aLane());
  visitor.say("later");
  const told = () => server.output.split("\n").find((line) => line.includes("a rejection in a room"));
  await until(() => told() !== undefined || server.hasExited, 2000);
  await server.expectAlive();
  expect(told()).toContain(visitor.roomId);
});

test("[DEFECT1] K: a plugin's hooks run on the first instance of a room as on every other", async () => {
  const server = await stack();
  for (const _instance of ["first", "second"]) {
    const room = await server.joinSdk<{ tick: number; label: string }>("plugged", aLane());
    await until(() => room.state?.label !== undefined);
    expect(room.state.label).toBe("plugged");
    await room.leave();
  }
});
