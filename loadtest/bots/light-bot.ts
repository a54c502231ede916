import { closeCodes, RECONNECT_SECONDS } from "../../schema/protocol.ts";
import { nextRedialMs, REDIAL_MS_MIN } from "../../src/client/reconnect.ts";
import { createSeededRandom } from "../random.ts";
import { Attendance } from "./attendance.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { failureOf } from "./failure.ts";
import type { InputFrames } from "./light-crowd.ts";
import { createLightDoor, type LightDoor } from "./light-door.ts";
import { framesOf } from "./light-inputs.ts";
import type { LightLine, LineListener } from "./light-line.ts";
import type { Link } from "./link.ts";
import { roomBotOf } from "./rooms.ts";
import { seekSeat } from "./seat-seeking.ts";
import { createShopClient, goShopping } from "./shopper.ts";
import type { Stay } from "./stay.ts";
import { tickerOf } from "./ticker.ts";

/** The inputs of a process's bots are spread over this many moments of a step, as those of strangers are. */
const PHASES = 10;
const SECOND = { periodMs: 1000, phases: 20 };
/** After these an SDK dials again; every other code is final. */
const REDIALLED: readonly number[] = [1001, 1005, 1006, closeCodes.REDIAL];
/** A stream of the bot's seed. */
const REDIALS = 2;

/** Plays by raw sockets: sends a player's inputs and counts what it is sent, at a tenth of what decoding it would cost. */
export async function playLight(plan: BotPlan, world: BotWorld, link: Link, stay: Stay): Promise<void> {
  const { recorder, nowMs } = world;
  const room = roomBotOf(plan.room);
  const door = createLightDoor(plan, world, link);
  const attendance = new Attendance(world, room.tickHz, link);
  const patches = new PatchCount(world);
  let line: LightLine | null = null;
  for (const cutMs of plan.cutsMs) {
    stay.at(cutMs, () => {
      attendance.expectCut(cutMs);
      if (attendance.isSeated) line?.drop();
    });
  }
  const join = () => door.join(patches);
  const release = (late: LightLine) => late.leave();
  const seek = (isReturn: boolean) => seekSeat({ world, stay, seed: plan.seed, join, release, isReturn });
  let shopping: Promise<void> | undefined;
  try {
    line = await seek(false);
    if (line !== null) recorder.record("joinMs", nowMs() - plan.arriveMs);
    for (let isRedial = false; line !== null; ) {
      attendance.sit({ isRedial });
      if (plan.persona === "shopper") {
        const client = createShopClient({ plan, world, link, token: door.token });
        shopping ??= goShopping({ client, plan, world, stay, attendance });
      }
      const code = await sit({ line, frames: framesOf(plan), tickHz: room.tickHz, world, stay });
      patches.pause();
      if (code === null) break;
      attendance.lose(`CLOSE_${code}`);
      const lost: Lost = { line, code };
      const back = await redial({ plan, world, stay, door, attendance, patches, lost });
      isRedial = back !== null;
      line = back ?? (stay.isOver ? null : await seek(true));
    }
  } finally {
    attendance.leave();
    await line?.leave();
    await shopping;
    door.close();
  }
}

interface Sitting {
  readonly line: LightLine;
  readonly frames: InputFrames;
  readonly tickHz: number;
  readonly world: BotWorld;
  readonly stay: Stay;
}

/** Plays until the connection ends, and returns its close code; null when it is time to leave. */
async function sit({ line, frames, tickHz, world, stay }: Sitting): Promise<number | null> {
  const stops = [
    tickerOf({ periodMs: 1000 / tickHz, phases: PHASES }).add(() => {
      if (line.sendInput(frames)) world.recorder.count("inputsSent");
    }),
    tickerOf(SECOND).add(() => line.watchSilence()),
  ];
  const code = await Promise.race([line.closed, stay.over]);
  for (const stop of stops) stop();
  return code === undefined || stay.isOver ? null : code;
}

interface Lost {
  readonly line: LightLine;
  readonly code: number;
}

interface Redial {
  readonly plan: BotPlan;
  readonly world: BotWorld;
  readonly stay: Stay;
  readonly door: LightDoor;
  readonly attendance: Attendance;
  readonly patches: PatchCount;
  readonly lost: Lost;
}

/** Dials as the client does, for as long as the server keeps the seat. Null when the seat is gone, or the stay over. */
async function redial({ plan, world, stay, door, attendance, patches, lost }: Redial): Promise<LightLine | null> {
  const { nowMs } = world;
  const random = createSeededRandom(plan.seed, REDIALS, Math.floor(nowMs()));
  const deadlineMs = nowMs() + RECONNECT_SECONDS * 1000;
  const { reconnectionToken } = lost.line;
  if (reconnectionToken === null || !REDIALLED.includes(lost.code)) return null;
  for (let waitMs = REDIAL_MS_MIN; nowMs() < deadlineMs; ) {
    waitMs = nextRedialMs(waitMs, random.uniform);
    if (!(await stay.until(nowMs() + waitMs))) return null;
    const dialled = door.redial(reconnectionToken, patches).catch(failureOf);
    const outcome = await Promise.race([dialled, stay.over]);
    if (outcome === undefined) {
      void dialled.then((late) => (late instanceof Error ? undefined : late.leave()));
      return null;
    }
    if (!(outcome instanceof Error)) return outcome;
    attendance.lose(outcome.code);
    if (outcome.code === `CLOSE_${closeCodes.RECONNECT_FAILED}`) return null;
  }
  return null;
}

/** What arrives, counted and measured. */
class PatchCount implements LineListener {
  readonly #world: BotWorld;
  #patchedAtMs: number | null = null;

  constructor(world: BotWorld) {
    this.#world = world;
  }

  onPatch(byteCount: number): void {
    const { recorder, nowMs } = this.#world;
    const atMs = nowMs();
    recorder.count("patches");
    recorder.count("bytesIn", byteCount);
    if (this.#patchedAtMs !== null) recorder.record("patchGapMs", atMs - this.#patchedAtMs);
    this.#patchedAtMs = atMs;
  }

  onEnd(byteCount: number): void {
    this.#world.recorder.count("bytesIn", byteCount);
  }

  /** The connection has gone: what comes next is no late patch. */
  pause(): void {
    this.#patchedAtMs = null;
  }
}
