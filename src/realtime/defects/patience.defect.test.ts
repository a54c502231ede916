import { expect, test } from "vitest";
import { startNetwork } from "../../../loadtest/network.ts";
import { until } from "../../testing/app.ts";
import { type Board, boardFault } from "../../testing/stacks/boards.ts";
import { halfRequest } from "../../testing/stacks/raw-http.ts";
import { opcodes } from "../../testing/stacks/raw-socket.ts";
import { SetupFailed } from "../../testing/stacks/stack.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";

/** What shows only after seconds. These tests wait side by side; each may take as long as the longest of them. */
const stack = await useStack();

/** At 128 KB each, more than the buffers of both ends of a connection hold. */
const STALLED_PATCHES = 130;
/** A reader who takes nothing is found out within ten seconds; then the close frame, too, waits for an answer in vain. */
const READER_PATIENCE_MS = 14_000;

test.concurrent("[DEFECT1] D: whoever reads slowly decodes the same state as everyone else, late and never garbled", async () => {
  const server = await stack();
  const network = await startNetwork({ target: { host: "127.0.0.1", port: server.port }, profile: "none", seed: 1 });
  const room = await server.joinSdk<Board>("stream", { lane: "slow" }, network.port);
  const faults: string[] = [];
  room.onStateChange((state) => {
    const fault = boardFault(state);
    if (fault !== null) faults.push(fault);
  });
  const peer = await server.join("stream", { lane: "slow" });
  await until(() => peer.patchesMs.length > 15);
  if (faults.length > 0) throw new SetupFailed(`garbled without a slow reader: ${faults[0]}`);
  network.stall(Number.POSITIVE_INFINITY);
  const from = room.state.tick;
  await until(() => peer.patchesMs.length > STALLED_PATCHES, 10_000);
  network.stall(0);
  await until(() => room.state.tick > from + STALLED_PATCHES || faults.length > 0, 5000);
  expect(faults[0]).toBe(undefined);
  await room.leave();
  await network.stop();
});

test.concurrent("[DEFECT1] F9: who stops reading and only sends pongs is found out and sent away", async () => {
  const server = await stack();
  const peer = await server.join("stream", { lane: "deaf" });
  const deaf = await server.join("stream", { lane: "deaf" });
  deaf.socket.pause();
  const fromMs = performance.now();
  const pongs = setInterval(() => deaf.socket.send(new Uint8Array(0), opcodes.pong), 50);
  await until(() => deaf.socket.isClosed || performance.now() - fromMs > READER_PATIENCE_MS, READER_PATIENCE_MS + 1000);
  clearInterval(pongs);
  const isGone = deaf.socket.isClosed;
  deaf.socket.destroy();
  expect({ isGone }).toEqual({ isGone: true });
  expect(peer.socket.isClosed).toBe(false);
});

test.concurrent("[DEFECT1] F18: two hundred connections that never finish a request are closed within six seconds", async () => {
  const server = await stack();
  const slow = Array.from({ length: 200 }, () => halfRequest(server.port));
  let open = slow.length;
  for (const { closed } of slow) void closed.then(() => (open -= 1));
  await until(() => open === 0, 6000).catch(() => {});
  for (const { destroy } of slow) destroy();
  expect({ open }).toEqual({ open: 0 });
});
