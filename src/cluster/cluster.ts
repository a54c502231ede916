import { matchMaker, type Presence } from "@colyseus/core";
import type { Clock } from "../platform/clock.ts";
import { type Config, publicUrl } from "../platform/config.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Random } from "../platform/random.ts";
import type { Redis } from "../platform/redis.ts";
import { createCalls } from "./calls/calls.ts";
import { createRoomCalls, type RoomCalls, roomHandlers } from "./calls/engine-calls.ts";
import type { Directory } from "./directory/directory.ts";
import { createMemoryDirectory } from "./directory/memory-directory.ts";
import { createRedisDirectory } from "./directory/redis-directory.ts";
import { createEnginePresence } from "./engine-presence.ts";
import { createHoldings, type Holdings } from "./holdings.ts";
import { OwnLocalPresence } from "./local-presence.ts";
import { createRedisPresence } from "./presence.ts";
import { type Autoscale, suggestProcesses } from "./processes/autoscale.ts";
import type { Connections } from "./processes/dealing.ts";
import { createPlacements } from "./processes/placements.ts";
import { createPeak, sampleLoad } from "./processes/process-load.ts";
import {
  createLoneProcess,
  type DescribeProcess,
  type OwnProcesses,
  type ProcessRecord,
} from "./processes/processes.ts";
import { createRedisProcesses } from "./processes/redis-processes.ts";
import { type Region, watchRegions } from "./processes/regions.ts";
import type { OwnerOf } from "./relay/relay.ts";
import { clusterRoutes } from "./routes.ts";

/** What a process is among its like. */
interface Membership extends Pick<ProcessRecord, "region" | "role"> {
  relay: string;
  readonly playersMax: number;
  readonly roomsMax: number;
}

/** Where other processes hand over players of this one's rooms. */
export interface RelayPlace {
  readonly host: string;
  readonly port: number;
  /** By which others reach it, where that is not `host`. */
  readonly named: string | null;
}

/** The processes of a game as one of them sees them: what the engine is given, and what the matchmaker asks. */
export interface Cluster {
  readonly presence: Presence;
  readonly directory: Directory;
  readonly processes: OwnProcesses;
  readonly rooms: RoomCalls;
  /** Who has how much of what there may be only so much of. */
  readonly holdings: Holdings;
  /** What players ask about regions. */
  readonly routes: ReturnType<typeof clusterRoutes>;
  /** A join waited for so long. */
  waited(seconds: number): void;
  autoscale(): Autoscale;
  /** The engine's hook, for rooms that are not made by a player's join. */
  selectProcess(roomName: string, options: unknown): Promise<string>;
  readonly role: ProcessRecord["role"];
  readonly relay: RelayPlace;
  /** Where a room lives; null where this process is alone. */
  readonly ownerOf: OwnerOf | null;
  /** By which players dial this very process; null where any process takes anyone. */
  readonly publicAddress: string | null;
  /** Where connections come from, instead of a port of this process's own. */
  readonly connections: Connections | null;
  /** From now on the others place rooms here, and pass players on to `relay`. Called when the engine is ready. */
  start(relay: string): Promise<void>;
}

interface ClusterParts {
  /** Null in a process that is alone. */
  readonly redis: Redis | null;
  readonly secret: string;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly stops: (() => Promise<void>)[];
  readonly connections: Connections | null;
}

const DIRECT_GIVES_UP =
  "Players dial PUBLIC_ADDRESS itself: no other process takes their redial, so their seats end with this process.";

/** The processes with the same Redis and prefix as this one; without a Redis it is alone. */
export async function openCluster(parts: ClusterParts): Promise<Cluster> {
  const { redis, clock, log, metrics, config, random, stops } = parts;
  const { ROLE: role, PUBLIC_ADDRESS: publicAddress } = config;
  if (publicAddress !== null) log.warn({ publicAddress, givesUp: DIRECT_GIVES_UP }, "relay.bypassed");
  const membership = membershipOf(config);
  const self = () => matchMaker.processId;
  const load = sampleLoad(parts);
  const describe = describing(membership, load.now);
  const processes =
    redis === null
      ? createLoneProcess({ self, describe, nowMs: clock.monotonicMs })
      : createRedisProcesses({ ...parts, redis, self, describe });
  const { sharedMs } = processes;
  const calls = redis && createCalls({ ...parts, redis, self, sharedMs, handlers: roomHandlers });
  const placements = createPlacements({ processes, random });
  const { region } = membership;
  const rooms = createRoomCalls({ calls, placements, region, onLost: processes.lost });
  const directory = openDirectory(parts);
  const holdings = createHoldings({ redis, clock, log });
  const presence = redis === null ? new OwnLocalPresence() : createRedisPresence({ redis, clock, log, metrics });
  // Who is there is known from the processes' own records: the engine need not ask each of them whether it lives.
  matchMaker.setHealthChecksEnabled(false);
  metrics.freeSeats.set(membership.playersMax);
  metrics.processes.set(1);
  const stopShowing = clock.every(SHOW_MS, () => show(processes, metrics));
  const waits = createPeak(clock);
  // Players who come while Redis is away find no seat; the next region may have one.
  const isHealthy = () => redis?.isUp() !== false && processes.find(processes.self)?.isDraining === false;
  const own = () => ownRegion(config, processes, isHealthy);
  const regions = watchRegions({ addresses: config.REGIONS, own, clock });
  stops.push(async () => {
    regions.stop();
    holdings.stop();
    stopShowing();
    load.stop();
    await processes.stop();
    calls?.stop();
  });
  return {
    presence: createEnginePresence({ presence, roomCalls: rooms, processes }),
    directory,
    holdings,
    role,
    relay: { host: config.RELAY_HOST, port: config.RELAY_PORT, named: config.RELAY_ADDRESS },
    ownerOf: redis === null ? null : ownerIn(directory, processes),
    publicAddress,
    connections: parts.connections,
    processes,
    rooms,
    routes: clusterRoutes({ region, processes, regions, isHealthy }),
    waited(seconds) {
      metrics.queueSeconds.observe(seconds);
      waits.add(seconds);
    },
    autoscale: () =>
      suggestProcesses({
        region,
        processes: processes.all(),
        queueSeconds: waits.worst(),
        lateSeconds: load.lateSeconds(),
      }),
    async selectProcess(_roomName, options) {
      const { processId, done } = rooms.place((options as object | undefined) ?? {});
      done();
      return processId;
    },
    async start(relay) {
      membership.relay = relay;
      calls?.start();
      await processes.start();
    },
  };
}

const SHOW_MS = 1000;

function ownRegion(config: Config, processes: OwnProcesses, isHealthy: () => boolean): Region {
  const ours = processes.all().filter(({ region }) => region === config.REGION);
  const players = ours.reduce((sum, { load }) => sum + load.players, 0);
  return { name: config.REGION, url: publicUrl(config), isHealthy: isHealthy(), players };
}

/** Its relay is known once it listens. */
function membershipOf({ REGION, ROLE, SOCKETS_MAX, ROOMS_MAX }: Config): Membership {
  return { region: REGION, role: ROLE, relay: "", playersMax: SOCKETS_MAX, roomsMax: ROOMS_MAX };
}

function ownerIn(directory: Directory, processes: OwnProcesses): OwnerOf {
  return async (roomId) => {
    const processId = await directory.ownerOf(roomId);
    const owner = processId === null ? null : processes.find(processId);
    return owner === null || owner.relay === "" ? null : { relay: owner.relay };
  };
}

function openDirectory({ redis, clock, log, random }: ClusterParts): Directory {
  return redis === null ? createMemoryDirectory({ clock }) : createRedisDirectory({ redis, clock, log, random });
}

function describing(membership: Membership, load: () => { loop: number; memory: number }): DescribeProcess {
  return () => {
    const { region, role, relay, playersMax, roomsMax } = membership;
    const { ccu, roomCount } = matchMaker.stats.local;
    // The engine has been seen to count a client out twice.
    const players = Math.max(0, ccu);
    return { region, role, relay, load: { players, playersMax, rooms: Math.max(0, roomCount), roomsMax, ...load() } };
  };
}

function show(processes: OwnProcesses, metrics: Pick<Metrics, "freeSeats" | "processes">): void {
  const own = processes.find(processes.self);
  if (own === null) return;
  const { load, isDraining, region } = own;
  metrics.freeSeats.set(isDraining ? 0 : Math.max(0, load.playersMax - load.players));
  metrics.processes.set(processes.all().filter((record) => record.region === region).length);
}
