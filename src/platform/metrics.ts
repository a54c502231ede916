import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { StepHistogram } from "./step-histogram.ts";

export interface Metrics {
  readonly registry: Registry;
  readonly httpSeconds: Histogram<"route" | "status">;
  readonly rooms: Gauge<"room">;
  readonly players: Gauge<"room">;
  readonly stepSeconds: StepHistogram;
  readonly stepLateSeconds: StepHistogram;
  readonly stepsDropped: Counter<"room">;
  readonly roomFaults: Counter<"room" | "hook">;
  readonly loopBlocked: Counter<"room" | "hook">;
  readonly offences: Counter<"room" | "offence">;
  readonly offendersClosed: Counter<"room" | "offence">;
  readonly stampsClamped: Counter<"room">;
  readonly writesClamped: Counter<"field">;
  readonly sockets: Gauge;
  readonly doorRefused: Counter<"reason">;
  readonly joinSeconds: Histogram;
  readonly queuedBytes: Gauge;
  readonly resyncs: Counter<"room">;
  readonly paymentsDead: Counter<"provider">;
  readonly slowReadersClosed: Counter<"room" | "reason">;
  readonly jobSeconds: Histogram<"job" | "outcome">;
  readonly jobsDead: Gauge<"job">;
  readonly relayed: Gauge;
  readonly relayTrunks: Gauge;
  readonly relayClosed: Counter<"reason">;
  readonly relayHeld: Counter<"outcome">;
  readonly redisUp: Gauge;
  readonly leaderboardReads: Counter<"by">;
  readonly presenceFailed: Counter;
  readonly callsRefused: Counter<"reason">;
  readonly callSeconds: Histogram<"method" | "outcome">;
  readonly processes: Gauge;
  readonly freeSeats: Gauge;
  readonly loopShare: Gauge;
  readonly memoryShare: Gauge;
  readonly queueSeconds: Histogram;
}

/**
 * How often the event loop's delay is sampled, in ms. Each sample wakes the process, also when there is nothing to do.
 * What is published as lag is the time between two samples, so an idle process reports this much.
 */
const LOOP_SAMPLE_MS = 50;

/** The process's own figures. One registry an app, so that tests and studios can hold several. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  const registers = [registry];
  return {
    registry,
    httpSeconds: new Histogram({
      name: "umpire_http_seconds",
      help: "Time to answer an HTTP request, by route and status.",
      labelNames: ["route", "status"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    rooms: new Gauge({ name: "umpire_rooms", help: "Rooms alive, by name.", labelNames: ["room"], registers }),
    players: new Gauge({
      name: "umpire_players",
      help: "Players connected, by room name.",
      labelNames: ["room"],
      registers,
    }),
    loopBlocked: new Counter({
      name: "umpire_loop_blocked_total",
      help: "Times the event loop stood still for 100 ms or more, by the room and hook that ran.",
      labelNames: ["room", "hook"],
      registers,
    }),
    roomFaults: new Counter({
      name: "umpire_room_faults_total",
      help: "Exceptions in a room's hooks, handlers, steps and patches, by room name and hook.",
      labelNames: ["room", "hook"],
      registers,
    }),
    offences: new Counter({
      name: "umpire_offences_total",
      help: "Frames of clients that were dropped, by room name and what was wrong with them.",
      labelNames: ["room", "offence"],
      registers,
    }),
    offendersClosed: new Counter({
      name: "umpire_offenders_closed_total",
      help: "Connections ended for what their client sent, by room name and the offence that ended them.",
      labelNames: ["room", "offence"],
      registers,
    }),
    stampsClamped: new Counter({
      name: "umpire_stamps_clamped_total",
      help: "Inputs whose view time lay outside the rewind window, by room name.",
      labelNames: ["room"],
      registers,
    }),
    writesClamped: new Counter({
      name: "umpire_writes_clamped_total",
      help: "Writes to the state that its field cannot carry and that were brought into range, by class and field.",
      labelNames: ["field"],
      registers,
    }),
    sockets: new Gauge({ name: "umpire_sockets", help: "Sockets open or being opened.", registers }),
    ...tickMetrics(registers),
    ...doorMetrics(registers),
    ...relayMetrics(registers),
    ...redisMetrics(registers),
    ...clusterMetrics(registers),
    ...readerMetrics(registers),
    ...jobMetrics(registers),
  };
}

function tickMetrics(registers: Registry[]): Pick<Metrics, "stepSeconds" | "stepLateSeconds" | "stepsDropped"> {
  return {
    stepSeconds: new StepHistogram({
      name: "umpire_step_seconds",
      help: "Time of one simulation step, by room name.",
      buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1],
      registers,
    }),
    stepLateSeconds: new StepHistogram({
      name: "umpire_step_late_seconds",
      help: "How long after its due time a room woke for a step, by room name. Up to 1 ms is the timer's own grain.",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.04, 0.06, 0.1, 0.25, 1],
      registers,
    }),
    stepsDropped: new Counter({
      name: "umpire_steps_dropped_total",
      help: "Steps left out because the process could not keep up, by room name.",
      labelNames: ["room"],
      registers,
    }),
  };
}

function relayMetrics(registers: Registry[]): Pick<Metrics, "relayed" | "relayTrunks" | "relayClosed" | "relayHeld"> {
  return {
    relayed: new Gauge({
      name: "umpire_relayed_sockets",
      help: "Sockets that came in here and are relayed to the process where their room lives.",
      registers,
    }),
    relayTrunks: new Gauge({
      name: "umpire_relay_trunks",
      help: "Connections to other processes that carry the sockets relayed from here, all of one pair in one.",
      registers,
    }),
    relayClosed: new Counter({
      name: "umpire_relay_closed_total",
      help: "Relayed sockets that ended, by who ended them: client, owner, client lost, owner lost, idle, stop.",
      labelNames: ["reason"],
      registers,
    }),
    relayHeld: new Counter({
      name: "umpire_relay_held_total",
      help: "Redials held because their room had no owner for a moment, by outcome: carried, here, lost, gone, refused.",
      labelNames: ["outcome"],
      registers,
    }),
  };
}

function redisMetrics(registers: Registry[]): Pick<Metrics, "redisUp" | "leaderboardReads"> {
  return {
    redisUp: new Gauge({
      name: "umpire_redis_up",
      help: "Whether Redis answers: 1, or 0 also without any.",
      registers,
    }),
    leaderboardReads: new Counter({
      name: "umpire_leaderboard_reads_total",
      help: "Leaderboards that were read, by who told: redis, or postgres while Redis is away or still being filled.",
      labelNames: ["by"],
      registers,
    }),
  };
}

function clusterMetrics(
  registers: Registry[],
): Pick<
  Metrics,
  "presenceFailed" | "callsRefused" | "callSeconds" | "processes" | "freeSeats" | "loopShare" | "memoryShare"
> {
  return {
    presenceFailed: new Counter({
      name: "umpire_presence_failed_total",
      help: "What was asked of presence and could not be had because Redis was away.",
      registers,
    }),
    callsRefused: new Counter({
      name: "umpire_calls_refused_total",
      help: "Calls between processes that were not carried out, by reason. Alarm at forged, altered and replayed ones.",
      labelNames: ["reason"],
      registers,
    }),
    callSeconds: new Histogram({
      name: "umpire_call_seconds",
      help: "Time of a call to another process, by method and outcome: done, failed, silent, gone, unavailable.",
      labelNames: ["method", "outcome"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    processes: new Gauge({
      name: "umpire_processes",
      help: "Processes of this region that this one knows to be there, itself included.",
      registers,
    }),
    freeSeats: new Gauge({
      name: "umpire_free_seats",
      help: "Sockets that this process would still take. 0 while it drains.",
      registers,
    }),
    loopShare: new Gauge({
      name: "umpire_loop_share",
      help: "Share of the last second in which the event loop was busy, 0 to 1.",
      registers,
    }),
    memoryShare: new Gauge({
      name: "umpire_memory_share",
      help: "Share of the memory that this process may have that it has, 0 to 1.",
      registers,
    }),
  };
}

function doorMetrics(registers: Registry[]): Pick<Metrics, "doorRefused" | "joinSeconds" | "queueSeconds"> {
  return {
    doorRefused: new Counter({
      name: "umpire_door_refused_total",
      help: "Upgrades, sockets and joins turned away at the door, by reason.",
      labelNames: ["reason"],
      registers,
    }),
    queueSeconds: new Histogram({
      name: "umpire_queue_seconds",
      help: "Time that one join waited for its turn, whether it came or not.",
      buckets: [0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8],
      registers,
    }),
    joinSeconds: new Histogram({
      name: "umpire_join_seconds",
      help: "Time to find and reserve a seat for one join that was let in, with its time in the queue.",
      buckets: [0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5],
      registers,
    }),
  };
}

function jobMetrics(registers: Registry[]): Pick<Metrics, "jobSeconds" | "jobsDead"> {
  return {
    jobSeconds: new Histogram({
      name: "umpire_job_seconds",
      help: "Time of one attempt at a job, by job and outcome: done, failed (tried again later), dead.",
      labelNames: ["job", "outcome"],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    jobsDead: new Gauge({
      name: "umpire_jobs_dead",
      help: "Jobs that failed for good and wait for an operator, by job. Alarm when it is not 0.",
      labelNames: ["job"],
      registers,
    }),
  };
}

/** How well clients keep up with what they are sent, and whether money needs somebody's attention. */
function readerMetrics(
  registers: Registry[],
): Pick<Metrics, "paymentsDead" | "queuedBytes" | "resyncs" | "slowReadersClosed"> {
  return {
    paymentsDead: new Counter({
      name: "umpire_payments_dead_letters_total",
      help: "Messages of payment providers that nothing could be done about, by provider: somebody has to look.",
      labelNames: ["provider"],
      registers,
    }),
    queuedBytes: new Gauge({
      name: "umpire_queued_bytes",
      help: "Bytes that wait in sockets because their clients have not read what came before.",
      registers,
    }),
    resyncs: new Counter({
      name: "umpire_resyncs_total",
      help: "Whole states sent in place of patches that a client missed because it was behind, by room name.",
      labelNames: ["room"],
      registers,
    }),
    slowReadersClosed: new Counter({
      name: "umpire_slow_readers_closed_total",
      help: "Clients sent to redial: not reading (stalled), too much to keep (full), state not encodable (unwritable).",
      labelNames: ["room", "reason"],
      registers,
    }),
  };
}
