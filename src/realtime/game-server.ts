import type { Server as HttpServer, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { defineRoom, defineServer, type Server } from "@colyseus/core";
import type { Cluster } from "../cluster/cluster.ts";
import type { Holdings } from "../cluster/holdings.ts";
import type { ClientAddress } from "../platform/client-address.ts";
import type { Clock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import type { Routes } from "../platform/http.ts";
import { createHttpListener } from "../platform/http-listener.ts";
import type { Origins } from "../platform/origins.ts";
import type { Random } from "../platform/random.ts";
import type { RateLimit } from "../platform/rate-limit.ts";
import type { TlsFiles } from "../platform/tls-files.ts";
import type { Services } from "../services/services.ts";
import { createAdmission } from "./door/admission.ts";
import { capConnections } from "./door/connection-cap.ts";
import { createEmptying } from "./door/emptying.ts";
import { createFrontDoor, type Pages } from "./door/front-door.ts";
import { createRelaying } from "./door/relaying.ts";
import { createRoomQuota, type RoomQuota } from "./door/room-quota.ts";
import { createSeatQuota, type SeatQuota } from "./door/seat-quota.ts";
import { SocketTransport } from "./door/socket-transport.ts";
import { createUpgradeGate } from "./door/upgrade-gate.ts";
import type { EngineClient } from "./engine.ts";
import { createEngineLog } from "./guard/engine-log.ts";
import { createLobbyFeed } from "./matchmaking/lobby-feed.ts";
import { createMatchmaker } from "./matchmaking/matchmaker.ts";
import { indexOf, kindOf, type Matchmaking, type RoomKind } from "./matchmaking/matchmaking.ts";
import { createPublicRooms, type PublicRooms } from "./matchmaking/public-rooms.ts";
import { keepRooms } from "./room-keeping.ts";
import type { Admission, RoomSupplies } from "./room-supplies.ts";
import { type RoomClass, seatsOf, supplyRoom } from "./supply-room.ts";

/** A line of the table of rooms. */
interface RoomEntry extends Matchmaking {
  readonly room: RoomClass;
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
  /** The processes of the game, this one among them. */
  readonly cluster: Cluster;
}

export interface GameServer {
  /** What rooms there are, for whoever may know. */
  readonly publicRooms: PublicRooms;
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
  cluster,
}: GameServerParts): GameServer {
  const http = createHttpListener({ ...supplies, tls: door.tls });
  const { clock, random, metrics } = supplies;
  const [{ limits }, { ownerOf, holdings }, { directory }] = [door, cluster, supplies];
  const { classes, kinds } = readRooms({ rooms, region, supplies, services });
  const { seatQuota, roomQuota } = createQuotas(limits, { clock, random, holdings });
  const admission = createAdmission({ clock, random, onWaited: cluster.waited });
  capConnections(http, {
    perAddress: limits.connectionsPerAddress,
    max: limits.socketsMax * (1 + HTTP_CONNECTIONS_SHARE),
    isProxy: door.clientAddress.isProxy,
    metrics,
  });
  const emptying = createEmptying(http, clock);
  let state: "open" | "emptying" | "closing" = "open";
  const gate = createUpgradeGate({ ...door, ...limits, random, holdings, metrics });
  const relaying = createRelaying({ ...supplies, ...limits, ownerOf, place: cluster.relay });
  const transport = new SocketTransport(http, {
    ...supplies,
    ...cluster,
    gate,
    relay: relaying,
    clientAddress: door.clientAddress,
    onRefused: seatQuota.refused,
    onUpgrade: emptying.upgraded,
  });
  const openRooms = new Map<string, LockableRoom>();
  const engine = startEngine({ openRooms, classes, kinds, transport, cluster, supplies, seatQuota, roomQuota });
  let stopKeeping = () => {};
  const matchmaking = { kinds, admission, seatQuota, roomQuota, roomCalls: cluster.rooms, region, services };
  const lobby = createLobby({ kinds, directory, clock });
  const frontDoor = createFrontDoor({
    ...door,
    ...supplies,
    routes,
    lobbyFeed: cluster.role === "game" ? null : lobby.feed,
    reserveSeat: cluster.role === "game" ? refuseJoin : createMatchmaker({ ...door, ...supplies, ...matchmaking }),
    pages,
    isClosing: () => state !== "open",
    isDraining: () => state === "closing",
  });
  return {
    publicRooms: lobby.publicRooms,
    async listen({ host, port }) {
      const relay = (await relaying?.listen(transport)) ?? "";
      const listeners = http.listeners("request") as RequestListener[];
      await listening(http, engine.listen(port, host));
      stopKeeping = keepRooms({ directory, clock, roomQuota });
      await cluster.start(relay);
      // The engine has just put its own listener in front; ours answers instead.
      http.removeAllListeners("request");
      for (const listener of [...listeners, frontDoor]) http.on("request", listener);
      return { port: (http.address() as AddressInfo | null)?.port ?? port };
    },
    isDraining: () => state !== "open",
    async stop() {
      const { drainSeconds } = supplies;
      lobby.stop();
      if (ownerOf !== null && state === "open") {
        state = "emptying";
        lockAll(openRooms);
        await cluster.processes.drain();
        await emptying.empty(drainSeconds * 1000);
      }
      state = "closing";
      let giveUp = () => {};
      const deadline = new Promise<void>((resolve) => {
        giveUp = clock.after((drainSeconds + CLOSE_SECONDS) * 1000, resolve);
      });
      // The engine waits for every room's onDispose without a limit of its own.
      await Promise.race([engine.gracefullyShutdown(false), deadline]);
      giveUp();
      stopKeeping();
      admission.stop();
      await relaying?.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function refuseJoin(): Promise<never> {
  throw new AppError("ROUTE_NOT_FOUND");
}

interface LockableRoom {
  readonly roomId: string;
  lock(): Promise<void>;
}

/** Nobody is sent there any more. A directory that cannot be told does not hear of the room again either. */
function lockAll(rooms: ReadonlyMap<string, LockableRoom>): void {
  for (const room of rooms.values()) room.lock().catch(() => {});
}

interface EngineParts {
  openRooms: Map<string, LockableRoom>;
  classes: ReadonlyMap<string, RoomClass>;
  kinds: ReadonlyMap<string, RoomKind>;
  transport: SocketTransport;
  supplies: RoomSupplies;
  seatQuota: SeatQuota;
  roomQuota: RoomQuota;
  cluster: Cluster;
}

/** The engine looks for a failure only once it is listening, so a port that is taken would go unheard. */
function listening(http: HttpServer, begun: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    begun.then(() => resolve(), reject);
  });
}

function createQuotas(limits: DoorLimits, parts: { clock: Clock; random: Random; holdings: Holdings }) {
  return {
    seatQuota: createSeatQuota({ ...limits, ...parts, openPerAddress: limits.socketsPerAddress }),
    roomQuota: createRoomQuota({ ...limits, ...parts }),
  };
}

/** What is told of rooms: when asked, and by a feed. */
function createLobby(parts: Parameters<typeof createPublicRooms>[0] & { clock: Clock }) {
  const publicRooms = createPublicRooms(parts);
  const feed = createLobbyFeed({ ...parts, publicRooms });
  const stop = () => {
    feed.stop();
    publicRooms.stop();
  };
  return { publicRooms, feed, stop };
}

/** Each room's class with its supplies, and how the matchmaker and the directory know it. */
function readRooms({
  rooms,
  region,
  supplies,
  services,
}: Pick<GameServerParts, "rooms" | "region" | "supplies" | "services">) {
  const classes = new Map<string, RoomClass>();
  const kinds = new Map<string, RoomKind>();
  for (const [name, entry] of Object.entries(rooms)) {
    const supplied = supplyRoom(entry.room, supplies, services);
    const kind = kindOf(name, entry, { region, seats: seatsOf(supplied) });
    classes.set(name, supplied);
    kinds.set(name, kind);
    supplies.directory.index(name, indexOf(kind));
  }
  return { classes, kinds };
}

function startEngine(parts: EngineParts): Server {
  const { openRooms, classes, kinds, transport, supplies, seatQuota, roomQuota, cluster } = parts;
  const handlers = [...classes].map(([name, room]) => {
    const handler = defineRoom(room as never).filterBy((kinds.get(name)?.names ?? []) as never);
    handler.on("create", (room: LockableRoom) => openRooms.set(room.roomId, room));
    handler.on("join", ({ roomId }: { roomId: string }, { sessionId, auth }: EngineClient) =>
      seatQuota.seated({ sessionId, roomId, accountId: (auth as Partial<Admission> | undefined)?.accountId }),
    );
    handler.on("leave", (_room: unknown, client: EngineClient) => seatQuota.left(client.sessionId));
    handler.on("dispose", ({ roomId }: { roomId: string }) => {
      openRooms.delete(roomId);
      roomQuota.closed(roomId);
      seatQuota.roomClosed(roomId);
    });
    return [name, handler];
  });
  return defineServer({
    rooms: Object.fromEntries(handlers),
    transport,
    presence: cluster.presence,
    driver: supplies.directory,
    selectProcessIdToCreateRoom: cluster.selectProcess,
    ...(cluster.publicAddress !== null && { publicAddress: cluster.publicAddress }),
    // The process's signals and its last exceptions are main.ts's business.
    gracefullyShutdown: false,
    greet: false,
    logger: createEngineLog(supplies.log),
  });
}
