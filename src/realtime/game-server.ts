import type { Server as HttpServer, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { defineRoom, defineServer, type Server } from "@colyseus/core";
import type { ClientAddress } from "../platform/client-address.ts";
import type { Routes } from "../platform/http.ts";
import { createHttpListener } from "../platform/http-listener.ts";
import type { Origins } from "../platform/origins.ts";
import type { RateLimit } from "../platform/rate-limit.ts";
import type { TlsFiles } from "../platform/tls-files.ts";
import type { Services } from "../services/services.ts";
import { createAdmission } from "./admission.ts";
import { capConnections } from "./connection-cap.ts";
import type { EngineClient } from "./engine.ts";
import { createEngineLog } from "./engine-log.ts";
import { checkFilters, type Filters } from "./filters.ts";
import { createFrontDoor, type Pages } from "./front-door.ts";
import { type CreatePolicy, createMatchmaker, type RoomKind } from "./matchmaker.ts";
import { createRoomQuota, type RoomQuota } from "./room-quota.ts";
import type { RoomSupplies } from "./room-supplies.ts";
import { createSeatQuota, type SeatQuota } from "./seat-quota.ts";
import { SocketTransport } from "./socket-transport.ts";
import { type RoomClass, supplyRoom } from "./supply-room.ts";
import { createUpgradeGate, type UpgradeGate } from "./upgrade-gate.ts";

/** A line of the table of rooms. */
interface RoomEntry {
  readonly room: RoomClass;
  /** By what players find a room. Every value an enum, a range or a short text, every one with a default. */
  readonly filters: (region: string) => Filters;
  /** Whose join makes a room when there is none to join; by default any player's. */
  readonly create?: CreatePolicy;
}

/** The table of rooms, as a game declares it: by name. */
export type RoomTable = Readonly<Record<string, RoomEntry>>;

/** How much the door lets in. */
export interface DoorLimits {
  readonly socketsPerAddress: number;
  readonly socketsMax: number;
  /** Of any kind, also of clients that have not said yet what they want. */
  readonly connectionsPerAddress: number;
  readonly roomsPerAccount: number;
  readonly roomsPerAddress: number;
  readonly roomsMax: number;
}

/** Who may come in at all, and how much of it. */
export interface Door {
  readonly clientAddress: ClientAddress;
  readonly origins: Origins;
  readonly rateLimit: RateLimit;
  readonly limits: DoorLimits;
  /** Null where the listener is plain http. */
  readonly tls: TlsFiles | null;
  /** Whether players reach this server by https: its own, or that of a proxy in front of it. */
  readonly isHttps: boolean;
}

interface GameServerParts {
  readonly rooms: RoomTable;
  readonly region: string;
  readonly routes: Routes;
  readonly pages: Pages;
  readonly supplies: RoomSupplies;
  readonly services: Services;
  readonly door: Door;
}

export interface GameServer {
  listen(where: { host: string; port: number }): Promise<{ port: number }>;
  isDraining(): boolean;
  /** Lets matches end, up to DRAIN_SECONDS, then sends everyone home and closes the listener. */
  stop(): Promise<void>;
}

/** Connections beside the sockets: pages, calls of the API, upgrades on their way. */
const HTTP_CONNECTIONS_SHARE = 1;
/** How long rooms may take to close once they have been told to. */
const CLOSE_SECONDS = 10;

/** One listener for pages, API, matchmaking and sockets. The engine's matchmaker is a singleton: one game server a process. */
export function createGameServer({
  rooms,
  region,
  routes,
  pages,
  supplies,
  services,
  door,
}: GameServerParts): GameServer {
  const http = createHttpListener({ ...supplies, tls: door.tls });
  const { clock, random, metrics } = supplies;
  const { limits } = door;
  const kinds = new Map(Object.entries(rooms).map(([name, entry]) => [name, kindOf(name, entry, region)]));
  const seatQuota = createSeatQuota({ ...limits, clock, openPerAddress: limits.socketsPerAddress });
  const roomQuota = createRoomQuota({
    perAccount: limits.roomsPerAccount,
    perAddress: limits.roomsPerAddress,
    max: limits.roomsMax,
  });
  const admission = createAdmission({ clock, random });
  capConnections(http, {
    perAddress: limits.connectionsPerAddress,
    max: limits.socketsMax * (1 + HTTP_CONNECTIONS_SHARE),
    isProxy: door.clientAddress.isProxy,
    metrics,
  });
  let draining = false;
  const gate = createUpgradeGate({ ...door, ...limits, metrics });
  const engine = startEngine({ rooms, kinds, http, gate, supplies, services, seatQuota, roomQuota });
  const frontDoor = createFrontDoor({
    ...door,
    ...supplies,
    routes,
    reserveSeat: createMatchmaker({ ...door, ...supplies, kinds, admission, seatQuota, roomQuota }),
    pages,
    isDraining: () => draining,
  });
  return {
    async listen({ host, port }) {
      const listeners = http.listeners("request") as RequestListener[];
      await new Promise<void>((resolve, reject) => {
        // The engine looks for a failure only once it is listening, so a port that is taken would go unheard.
        http.once("error", reject);
        engine.listen(port, host).then(resolve, reject);
      });
      // The engine has just put its own listener in front; ours answers instead.
      http.removeAllListeners("request");
      for (const listener of [...listeners, frontDoor]) http.on("request", listener);
      return { port: (http.address() as AddressInfo).port };
    },
    isDraining: () => draining,
    async stop() {
      draining = true;
      const { drainSeconds } = supplies;
      let giveUp = () => {};
      const deadline = new Promise<void>((resolve) => {
        giveUp = clock.after((drainSeconds + CLOSE_SECONDS) * 1000, resolve);
      });
      // The engine waits for every room's onDispose without a limit of its own.
      await Promise.race([engine.gracefullyShutdown(false), deadline]);
      giveUp();
      admission.stop();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

interface EngineParts {
  rooms: RoomTable;
  kinds: ReadonlyMap<string, RoomKind>;
  http: HttpServer;
  gate: UpgradeGate;
  supplies: RoomSupplies;
  services: Services;
  seatQuota: SeatQuota;
  roomQuota: RoomQuota;
}

function kindOf(name: string, { filters, create = "players" }: RoomEntry, region: string): RoomKind {
  return { filters: checkFilters(name, filters(region)), create };
}

function startEngine({ rooms, kinds, http, gate, supplies, services, seatQuota, roomQuota }: EngineParts): Server {
  const handlers = Object.entries(rooms).map(([name, { room }]) => {
    const filters = Object.keys(kinds.get(name)?.filters.shape ?? {});
    const handler = defineRoom(supplyRoom(room, supplies, services) as never).filterBy(filters as never);
    handler.on("join", (_room: unknown, client: EngineClient) => seatQuota.seated(client.sessionId));
    handler.on("leave", (_room: unknown, client: EngineClient) => seatQuota.left(client.sessionId));
    handler.on("dispose", ({ roomId }: { roomId: string }) => {
      roomQuota.closed(roomId);
      seatQuota.roomClosed(roomId);
    });
    return [name, handler];
  });
  return defineServer({
    rooms: Object.fromEntries(handlers),
    transport: new SocketTransport(http, { ...supplies, gate, onRefused: seatQuota.refused }),
    // The process's signals and its last exceptions are main.ts's business.
    gracefullyShutdown: false,
    greet: false,
    logger: createEngineLog(supplies.log),
  });
}
