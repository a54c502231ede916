import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { defineRoom, defineServer, type Router, type Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { MESSAGE_BYTES_MAX } from "../../schema/protocol.ts";
import type { Services } from "../services/services.ts";
import { createFrontDoor, type Pages } from "./front-door.ts";
import { createMatchmaker, type Filters } from "./matchmaker.ts";
import type { RoomSupplies } from "./room-supplies.ts";
import { type RoomClass, supplyRoom } from "./supply-room.ts";

/** The table of rooms, as a game declares it: name → class and filters. */
export type RoomTable = Readonly<
  Record<string, { readonly room: RoomClass; readonly filters: (region: string) => Filters }>
>;

interface GameServerParts {
  readonly rooms: RoomTable;
  readonly region: string;
  readonly router: Router;
  readonly pages: Pages;
  readonly supplies: RoomSupplies;
  readonly services: Services;
}

export interface GameServer {
  listen(where: { host: string; port: number }): Promise<{ port: number }>;
  isDraining(): boolean;
  /** Lets matches end, up to DRAIN_SECONDS, then sends everyone home and closes the listener. */
  stop(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How long rooms may take to close once they have been told to. */
const CLOSE_SECONDS = 10;
/** Vite's hot reload shares the listener in development; its sockets are not the engine's. */
const VITE_PROTOCOL = "vite-hmr";

/** One listener for pages, API, matchmaking and sockets. The engine's matchmaker is a singleton: one game server a process. */
export function createGameServer({ rooms, region, router, pages, supplies, services }: GameServerParts): GameServer {
  const http = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS });
  const filtersByRoom = new Map(Object.entries(rooms).map(([name, { filters }]) => [name, filters(region)]));
  let draining = false;
  const engine = startEngine({ rooms, filtersByRoom, http, supplies, services });
  const frontDoor = createFrontDoor({
    router,
    reserveSeat: createMatchmaker(filtersByRoom),
    pages,
    translate: supplies.translate,
    isDraining: () => draining,
  });
  return {
    async listen({ host, port }) {
      await new Promise<void>((resolve, reject) => {
        // The engine looks for a failure only once it is listening, so a port that is taken would go unheard.
        http.once("error", reject);
        engine.listen(port, host).then(resolve, reject);
      });
      // The engine has just put its own listener in front; ours answers instead.
      http.removeAllListeners("request");
      http.on("request", frontDoor);
      return { port: (http.address() as AddressInfo).port };
    },
    isDraining: () => draining,
    async stop() {
      draining = true;
      const { clock, drainSeconds } = supplies;
      let giveUp = () => {};
      const deadline = new Promise<void>((resolve) => {
        giveUp = clock.after((drainSeconds + CLOSE_SECONDS) * 1000, resolve);
      });
      // The engine waits for every room's onDispose without a limit of its own.
      await Promise.race([engine.gracefullyShutdown(false), deadline]);
      giveUp();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

interface EngineParts {
  rooms: RoomTable;
  filtersByRoom: ReadonlyMap<string, Filters>;
  http: HttpServer;
  supplies: RoomSupplies;
  services: Services;
}

function startEngine({ rooms, filtersByRoom, http, supplies, services }: EngineParts): Server {
  const handlers = Object.entries(rooms).map(([name, { room }]) => {
    const filters = Object.keys(filtersByRoom.get(name)?.shape ?? {});
    return [name, defineRoom(supplyRoom(name, room, supplies, services) as never).filterBy(filters as never)];
  });
  return defineServer({
    rooms: Object.fromEntries(handlers),
    transport: new WebSocketTransport({ noServer: true, maxPayload: MESSAGE_BYTES_MAX }).attachToServer(http, {
      filter: (request) => request.headers["sec-websocket-protocol"] !== VITE_PROTOCOL,
    }),
    // The process's signals and its last exceptions are main.ts's business.
    gracefullyShutdown: false,
    greet: false,
    logger: engineLogger(supplies.log),
  });
}

/** The engine's own lines may name session ids and tokens, so they are kept to debug. */
function engineLogger(log: RoomSupplies["log"]) {
  const write = (...words: unknown[]) => log.debug({ words: words.map(String) }, "engine.said");
  return { debug: write, info: write, warn: write, error: write, trace: write, log: write };
}
