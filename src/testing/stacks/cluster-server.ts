/** One of several Umpires that are one game: for what happens between processes. */
import { setTimeout as sleep } from "node:timers/promises";
import { matchMaker } from "@colyseus/core";
import { z } from "zod";
import { catalogue } from "../../../rooms/catalogue/index.ts";
import { createApp } from "../../app.ts";
import { readConfig } from "../../platform/config.ts";
import { AppError } from "../../platform/errors.ts";
import { createLog } from "../../platform/log.ts";
import { PlainRoom } from "../plain-room.ts";
import { cycleRooms, takeCensus } from "./census.ts";
import { serveParent } from "./child.ts";

const filters = (region: string) =>
  z.strictObject({ lane: z.string().max(20).default("main"), region: z.literal(region).default(region) });

/** Takes longer to be made than a process that is asked for it may take to begin. */
class SlowRoom extends PlainRoom {
  override async onCreate(options: object): Promise<void> {
    await sleep(1600);
    super.onCreate(options);
  }
}

class RefusingRoom extends PlainRoom {
  override onCreate(): void {
    throw new AppError("ROOM_OPTIONS_INVALID", { problems: ["lane"] });
  }
}

class FourRoom extends PlainRoom {
  override maxClients = 4;
}

/** The same for an account in every process. */
const skill = ({ accountId }: { accountId: string }) =>
  [...accountId].reduce((sum, { length }, at) => sum + length * accountId.charCodeAt(at), 0) % 100;

const config = readConfig();
const log = createLog({ level: config.LOG_LEVEL });
const rooms = {
  plain: { room: PlainRoom, filters },
  slow: { room: SlowRoom as never, filters },
  refusing: { room: RefusingRoom, filters },
  skilled: {
    room: FourRoom,
    filters,
    server: { skill },
    near: { skill: 5 },
    wider: [{ afterSeconds: 1, without: ["skill"] }],
    invite: "players" as const,
    lobby: ["lane"],
  },
};
const app = await createApp({ rooms, catalogue, config, log });

const metrics = async () => (await fetch(`http://127.0.0.1:${app.metricsPort}/metrics`)).text();

serveParent(app.port, {
  processId: () => matchMaker.processId,
  rooms: () => matchMaker.stats.local.roomCount,
  players: () => matchMaker.stats.local.ccu,
  listed: async (name: string) => (await matchMaker.query({ name })).length,
  roomIds: async (name: string) => (await matchMaker.query({ name })).map(({ roomId }) => roomId),
  /** As the engine itself calls a room elsewhere. */
  remoteCall: ({ roomId, method, args }: { roomId: string; method: never; args: unknown[] }) =>
    matchMaker.remoteRoomCall(roomId, method, args).then(
      (value) => ({ value }),
      (thrown: Error & { code?: unknown }) => ({ thrown: thrown.message, code: thrown.code }),
    ),
  engineCreates: async (count: number) => {
    const made = Array.from({ length: count }, (_, lane) => matchMaker.createRoom("plain", { lane: `e${lane}` }));
    return (await Promise.all(made)).map(({ processId }) => processId);
  },
  census: async () => takeCensus(await metrics()),
  cycleRooms: (cycles) => cycleRooms(cycles as Parameters<typeof cycleRooms>[0]),
  metrics,
  pid: () => process.pid,
  stop: () => app.stop(),
} as Parameters<typeof serveParent>[1]);
