import { expect, test } from "vitest";
import { until } from "../../testing/app.ts";
import { PATCH_MS } from "../../testing/stacks/boards.ts";
import { dataFrame } from "../../testing/stacks/messages.ts";
import { clientFrame } from "../../testing/stacks/raw-socket.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";
import { TIMED } from "../../testing/timed.ts";

const stack = await useStack();

/** As many steps as a player may save up while its inputs are late, and play at once. */
const SAVED_MAX = 12;
const GAP_PATCHES_MAX = 8;

test("[DEFECT1] J: four inputs for each step walk no further than one", async () => {
  const server = await stack();
  const room = await server.joinSdk<{ tick: number; x: number }>("walk", { lane: "flood" });
  await until(() => room.state?.tick > 0);
  const input = room.input<{ dx: number }>({ mode: "reliable" });
  const from = room.state.tick;
  input.data.dx = 1;
  const flood = setInterval(() => {
    for (let count = 0; count < 4; count++) input.send();
  }, 25);
  await until(() => room.state.tick - from >= 40);
  clearInterval(flood);
  expect(room.state.x).toBeGreaterThan(10);
  expect(room.state.x).toBeLessThanOrEqual(room.state.tick - from + SAVED_MAX);
  await room.leave();
});

test(
  "[DEFECT1] F10: who floods a room is sent away within a second, and the players of another do not notice",
  TIMED,
  async () => {
    const server = await stack();
    const peer = await server.join("yard", { lane: "peace" });
    const attacker = await server.join("yard", { lane: "war" });
    const volley = Buffer.concat(Array.from({ length: 1000 }, () => clientFrame(dataFrame("move", { dx: 1 }))));
    const floodMs = performance.now();
    while (!attacker.socket.isClosed && performance.now() - floodMs < 1000) {
      if (attacker.socket.bytesWaiting < 4 * volley.length) attacker.socket.sendFramed(volley);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const isGone = attacker.socket.isClosed;
    attacker.socket.destroy();
    expect({ isGone }).toEqual({ isGone: true });
    // Loose, because this process is busy with the flood; the fuzzer measures gaps from a process of their own.
    expect(peer.longestGapMs(floodMs)).toBeLessThan(GAP_PATCHES_MAX * PATCH_MS);
    expect(await attacker.socket.closed).not.toBe(4010);
  },
);
