import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Actor } from "./verbs.ts";
import type { World } from "./world.ts";

/** A match that is on while others die. */
export interface WatchedMatch {
  /** The gap between two patches that 99 of 100 do not exceed, since this was last asked. */
  gapMsP99(): Promise<number>;
  stop(): Promise<void>;
}

/** Joins a room of the server as `player`, and listens to its patches, which come every 50 ms. */
export async function watchMatch(world: World, { token }: Actor): Promise<WatchedMatch> {
  const reply = await world.call("app", "/matchmake/joinOrCreate/walk", "{}", { authorization: `Bearer ${token}` });
  if (reply?.status !== 200) throw new Error(`no seat: ${JSON.stringify(reply)}`);
  const { processId, roomId, sessionId } = reply.body as Record<"processId" | "roomId" | "sessionId", string>;
  const workerData = { port: world.port, path: `/${processId}/${roomId}?sessionId=${sessionId}` };
  const watcher = new Worker(new URL("match-watcher.ts", import.meta.url), { workerData });
  const signal = AbortSignal.timeout(5000);
  await once(watcher, "message", { signal });
  return {
    async gapMsP99() {
      const answer = once(watcher, "message");
      watcher.postMessage("gaps");
      const [gapsMs] = (await answer) as [number[]];
      gapsMs.sort((one, other) => one - other);
      return gapsMs[Math.ceil(gapsMs.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY;
    },
    stop: async () => void (await watcher.terminate()),
  };
}
