/** The game with a defect on purpose, named by SABOTAGE: for load tests that have to find it. */
import { type IncomingMessage, Server, type ServerResponse } from "node:http";
import { ArenaRoom } from "../../../rooms/arena/room.ts";
import type { MoveInput } from "../../../rooms/arena/world.ts";
import { catalogue } from "../../../rooms/catalogue/index.ts";
import { rooms } from "../../../rooms/index.ts";
import type { ArenaWorld } from "../../../schema/state/arena.ts";
import { createApp } from "../../app.ts";
import { readConfig } from "../../platform/config.ts";
import { createLog } from "../../platform/log.ts";
import type { Inputs } from "../../realtime/inputs.ts";
import type { Past } from "../../realtime/past.ts";

const { SABOTAGE: sabotage = "none" } = process.env;
const BLOCK_MS = 40;
const LEAK_BYTES = 512 * 1024;
/** One in twenty requests for an account or a seat. */
const ERROR_EVERY = 20;
/** Twice a second a player is said to be where it is not. */
const WRONG_EVERY = 20;
const WRONG_UNITS = 2;

const leaked: Buffer[] = [];

class SabotagedRoom extends ArenaRoom {
  override step(world: ArenaWorld, inputs: Inputs<MoveInput>, past: Past): void {
    super.step(world, inputs, past);
    if (sabotage === "block") block();
    if (sabotage === "leak") leaked.push(Buffer.alloc(LEAK_BYTES, 1));
    if (sabotage !== "wrong-state" || world.tick % WRONG_EVERY !== 0) return;
    for (const player of world.players.values()) if (!player.bot) player.x += player.x > 0 ? -WRONG_UNITS : WRONG_UNITS;
  }
}

function block(): void {
  const untilMs = performance.now() + BLOCK_MS;
  while (performance.now() < untilMs);
}

/** Before the server's own listeners hear of a request, as a proxy in front of it would answer. */
function failSomeRequests(): void {
  let requests = 0;
  const emit: (this: Server, event: string, ...args: unknown[]) => boolean = Server.prototype.emit;
  Server.prototype.emit = function (this: Server, event: string, ...args: unknown[]) {
    const [request, response] = args as [IncomingMessage, ServerResponse];
    const counts = event === "request" && request.method === "POST" && /^\/(api|matchmake)\//.test(request.url ?? "");
    if (!counts || ++requests % ERROR_EVERY !== 0) return emit.call(this, event, ...args);
    response.writeHead(502).end();
    return true;
  };
}

if (sabotage === "errors") failSomeRequests();
const config = readConfig();
const log = createLog({ level: config.LOG_LEVEL });
const arena = { ...rooms.arena, room: SabotagedRoom };
const app = await createApp({ rooms: { arena }, catalogue, config, log });
log.info({ port: app.port, metricsPort: app.metricsPort }, "server.ready");
process.on("SIGTERM", () => void app.stop().then(() => process.exit(0)));
