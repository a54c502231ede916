import { createTimetable } from "./network-events.ts";
import { hashStart, hashText, mixHash } from "./network-hash.ts";
import type { Direction, NetworkProfile, NetworkProfileName } from "./network-profile.ts";
import { networkProfile } from "./network-profile.ts";
import type { SeededRandom } from "./random.ts";
import { createSeededRandom } from "./random.ts";

/** What happens to one segment on its way. */
export interface Fate {
  /** How long the link needs to put it on the wire, in ms; 0 without a bandwidth limit. */
  readonly sendMs: number;
  /** One-way latency with its jitter, in ms. */
  readonly latencyMs: number;
  /** 0, or one retransmission timeout in ms if the segment was lost: the longest that it takes, if nothing follows it. */
  readonly stallMs: number;
}

/**
 * The fates of the segments of one direction of one connection. The nth segment has the nth fate, whenever it comes and
 * however large it is: nothing but (seed, connection, direction) is drawn from.
 */
export interface Schedule {
  /** The fate of the next segment, which has `byteCount` bytes. */
  next(byteCount: number): Fate;
  /** The profile in force. */
  profile(): NetworkProfile;
  /** Changes the profile for the segments to come. Their luck stays: a profile only scales it. */
  setProfile(choice: NetworkProfileName | NetworkProfile): void;
  /** A fingerprint of the latencies and stalls given out so far, in µs; from 0 to 2^32 - 1. */
  hash(): number;
}

/** Whose schedule it is. `connection` counts from 0 in the order of acceptance. */
export interface ScheduleOptions {
  profile: NetworkProfileName | NetworkProfile;
  seed: number;
  connection?: number;
  direction?: Direction;
}

/** The schedule of one direction of one connection, by default the first connection's way up. */
export function createSchedule(options: ScheduleOptions): Schedule {
  const { seed, connection = 0, direction = "up" } = options;
  let profile = networkProfile(options.profile);
  const random = createSeededRandom(seed, connection, direction === "up" ? 0 : 1);
  let hash = mixHash(mixHash(hashStart, connection), direction === "up" ? 0 : 1);
  return {
    next(byteCount) {
      const luck = draw(random);
      const bytesPerSecond = direction === "up" ? profile.bytesPerSecondUp : profile.bytesPerSecondDown;
      const fate: Fate = {
        sendMs: bytesPerSecond === null ? 0 : (byteCount * 1000) / bytesPerSecond,
        latencyMs: profile.latencyMs + luck[profile.jitterShape] * profile.jitterMs,
        stallMs: luck.loss < profile.lossRate ? retransmissionTimeoutMs(profile) : 0,
      };
      hash = mixHash(mixHash(hash, Math.round(fate.latencyMs * 1000)), Math.round(fate.stallMs * 1000));
      return fate;
    },
    profile: () => profile,
    setProfile(choice) {
      profile = networkProfile(choice);
    },
    hash: () => hash,
  };
}

/**
 * The fingerprint of the first `segments` fates of a schedule and of what happens on the line in its first `seconds` (none,
 * unless given), to compare seeds without a network.
 */
export function scheduleHash(options: ScheduleOptions & { segments: number; seconds?: number }): string {
  const schedule = createSchedule(options);
  for (let index = 0; index < options.segments; index++) schedule.next(0);
  const timetable = createTimetable(networkProfile(options.profile), options.seed);
  while ((timetable.upcoming()?.atMs ?? Number.POSITIVE_INFINITY) < (options.seconds ?? 0) * 1000) timetable.take();
  return hashText(schedule.hash() + timetable.hash());
}

/**
 * How long TCP waits before it sends a lost segment again: SRTT + max(200 ms, 4 · RTTVAR), RFC 6298 with Linux's lower
 * floor, taking the jitter for RTTVAR. It is not doubled, since a segment is lost at most once; an outage doubles it.
 */
export function retransmissionTimeoutMs({ latencyMs, jitterMs }: NetworkProfile): number {
  return 2 * latencyMs + Math.max(200, 4 * jitterMs);
}

/**
 * When a sender whose segment of `sentMs` was lost tries again for the first time after the outage: it waits one timeout, and
 * then twice as long each time.
 */
export function retryMs(profile: NetworkProfile, sentMs: number, outageUntilMs: number): number {
  const timeoutMs = retransmissionTimeoutMs(profile);
  const tries = Math.ceil(Math.log2(Math.max(outageUntilMs - sentMs, 0) / timeoutMs + 1));
  return sentMs + timeoutMs * (2 ** tries - 1);
}

interface Luck {
  loss: number;
  uniform: number;
  normal: number;
}

/** Both shapes are drawn whichever is asked for, so that a change of profile shifts no later draw. */
function draw(random: SeededRandom): Luck {
  return { loss: random.uniform(), uniform: 2 * random.uniform() - 1, normal: truncatedNormal(random) };
}

/** A normal deviate (Box and Muller) of standard deviation 1/2, redrawn until it lies from -1 to 1. */
function truncatedNormal(random: SeededRandom): number {
  for (;;) {
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
    const deviate = (radius * Math.cos(2 * Math.PI * random.uniform())) / 2;
    if (Math.abs(deviate) <= 1) return deviate;
  }
}
