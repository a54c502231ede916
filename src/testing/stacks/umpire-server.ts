/** A whole Umpire in a process of its own, with the game's rooms and naive ones beside them. */
import { ClientState, matchMaker } from "@colyseus/core";
import { catalogue } from "../../../rooms/catalogue/index.ts";
import { rooms } from "../../../rooms/index.ts";
import { createApp } from "../../app.ts";
import { readConfig } from "../../platform/config.ts";
import { createLog } from "../../platform/log.ts";
import { GameRoom } from "../../realtime/game-room.ts";
import { cycleRooms, takeCensus } from "./census.ts";
import { serveParent } from "./child.ts";
import { fragileRooms } from "./fragile-rooms.ts";
import { umpireRooms } from "./umpire-rooms.ts";

const config = readConfig();
const log = createLog({ level: config.LOG_LEVEL });
const app = await createApp({ rooms: { ...rooms, ...umpireRooms, ...fragileRooms }, catalogue, config, log });

/** Frames that reached a room, before any guard has looked at them. */
let frames = 0;
const receive = GameRoom.prototype._onMessage;
GameRoom.prototype._onMessage = function (client, frame) {
  if (client.state !== ClientState.LEAVING) frames += 1;
  receive.call(this, client, frame);
};

/** The types of message that the rooms that are open now have handlers for. */
async function messageTypes(): Promise<string[]> {
  const rooms = (await matchMaker.query({})).map(
    ({ roomId }) => matchMaker.getLocalRoomById(roomId) as unknown as { onMessageEvents: { events: object } },
  );
  return [...new Set(rooms.flatMap((room) => Object.keys(room.onMessageEvents.events)))];
}

const metrics = async () => (await fetch(`http://127.0.0.1:${app.metricsPort}/metrics`)).text();

serveParent(app.port, {
  census: async () => takeCensus(await metrics()),
  cycleRooms: (cycles) => cycleRooms(cycles as Parameters<typeof cycleRooms>[0]),
  rooms: () => matchMaker.stats.local.roomCount,
  frames: () => frames,
  messageTypes,
});
