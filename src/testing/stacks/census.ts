import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { queryObjects } from "node:v8";
import { matchMaker } from "@colyseus/core";
import { GameRoom } from "../../realtime/game-room.ts";

/** What a server holds on to. Whatever was made for a room has to be gone with it, so two censuses of a calm server agree. */
export interface Census {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** What keeps the loop alive, by its kind: sockets, timers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Rooms that are open, that the matchmaker lists, and whose objects have not been collected. */
  readonly rooms: { readonly open: number; readonly listed: number; readonly objects: number };
  /** Listeners of the process's own events, and entries of the tables by which rooms find each other. */
  readonly listeners: number;
  readonly presence: Readonly<Record<string, number>>;
  /** Time series of the metrics: a label that names a room would make one more for each. */
  readonly metrics: number;
}

export async function takeCensus(metricsText: string): Promise<Census> {
  // Twice, with time between: what a finalizer lets go of is collected by the second.
  globalThis.gc?.();
  await sleep(20);
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    rssBytes: rss,
    heapBytes: heapUsed + external,
    resources: Object.fromEntries(countEach(process.getActiveResourcesInfo())),
    rooms: {
      open: matchMaker.stats.local.roomCount,
      listed: (await matchMaker.query({})).length,
      objects: queryObjects(GameRoom as never, { format: "count" }),
    },
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    presence: sizesOf(matchMaker.presence),
    metrics: metricsText.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length,
  };
}

/** Opens and closes rooms in the server itself, as the matchmaker does, a few at a time. */
export async function cycleRooms({ room, count }: { room: string; count: number }): Promise<number> {
  const AT_ONCE = 8;
  let left = count;
  const work = async () => {
    while (left > 0) {
      left -= 1;
      const { roomId } = await matchMaker.createRoom(room, { lane: "cycle", region: "local", mode: "ffa" });
      await matchMaker.getLocalRoomById(roomId).disconnect();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return count;
}

function countEach(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** The number of entries of each table that an object has. */
function sizesOf(owner: object): Record<string, number> {
  const sizes: Record<string, number> = {};
  // What it inherits, too: the engine's presence is made over another.
  for (const name in owner) {
    const table: unknown = Reflect.get(owner, name);
    if (table instanceof Map || table instanceof Set) sizes[name] = table.size;
    else if (table instanceof EventEmitter) sizes[name] = table.eventNames().length;
    else if (typeof table === "object" && table !== null) sizes[name] = Object.keys(table).length;
  }
  return sizes;
}
