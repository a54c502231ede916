/** A player in a room, in a thread of its own so that nothing else delays what it hears: asked, it tells the patches' gaps. */
import { parentPort, workerData } from "node:worker_threads";
import { frameCodes } from "../../src/testing/stacks/messages.ts";
import { RawSocket } from "../../src/testing/stacks/raw-socket.ts";

interface WatcherSeat {
  readonly port: number;
  readonly path: string;
}

const socket = await RawSocket.dial(workerData as WatcherSeat);
let gapsMs: number[] = [];
let lastMs: number | null = null;
socket.onFrame = (frame) => {
  const code = (frame[0] ?? 0) & 0x1f;
  if (code === frameCodes.join) socket.send(Uint8Array.of(frameCodes.join));
  if (code !== frameCodes.patch) return;
  const nowMs = performance.now();
  if (lastMs === null) parentPort?.postMessage("playing");
  else gapsMs.push(nowMs - lastMs);
  lastMs = nowMs;
};
// Who is sent away hears no patch any more, which is the longest gap of all.
void socket.closed.then(() => {
  lastMs ??= 0;
});
parentPort?.on("message", () => {
  if (lastMs !== null) gapsMs.push(performance.now() - lastMs);
  parentPort?.postMessage(gapsMs);
  gapsMs = [];
  lastMs = performance.now();
});
