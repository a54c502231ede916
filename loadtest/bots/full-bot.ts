import { createClient } from "../../src/client/client.ts";
import type { Match } from "../../src/client/match.ts";
import { createMemoryStorage } from "../../src/client/storage.ts";
import { createSeededRandom } from "../random.ts";
import { Attendance } from "./attendance.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { FullSeat } from "./full-seat.ts";
import { kindOf, ROOM_STATE_PATCH } from "./light.ts";
import { headerBytes } from "./light-frames.ts";
import { botHeaders, type Link } from "./link.ts";
import { type AnyRoomBot, type AnyState, roomBotOf } from "./rooms.ts";
import { seekSeat } from "./seat-seeking.ts";
import { goShopping } from "./shopper.ts";
import type { Stay } from "./stay.ts";

/** A stream of the bot's seed: when its client redials. */
const REDIALS = 2;

/** Plays through the client that players' programs use, for as long as the stay lasts. */
export async function playFull(plan: BotPlan, world: BotWorld, link: Link, stay: Stay): Promise<void> {
  const room = roomBotOf(plan.room);
  const attendance = new Attendance(world, room.tickHz, link);
  const frames = new FrameCount(world);
  const client = createClient({
    endpoint: link.endpoint,
    session: "token",
    storage: createMemoryStorage(),
    random: createSeededRandom(plan.seed, REDIALS).uniform,
    headers: botHeaders(world, plan.number),
    onFrame: (frame, roomId) => frames.hear(frame, roomId),
  });
  for (const cutMs of plan.cutsMs) {
    stay.at(cutMs, () => {
      attendance.expectCut(cutMs);
      if (attendance.isSeated) link.cut();
    });
  }
  const join = async () => {
    await client.accounts.ensureGuest();
    return client.join<AnyState>(plan.room, plan.filters);
  };
  const release = (match: Match<AnyState>) => match.leave();
  let shopping: Promise<void> | undefined;
  try {
    for (let isFirst = true; !stay.isOver; isFirst = false) {
      const match = await seekSeat({ world, stay, seed: plan.seed, join, release, isReturn: !isFirst });
      if (match === null) break;
      if (isFirst) world.recorder.record("joinMs", world.nowMs() - plan.arriveMs);
      frames.roomId = match.room.roomId;
      if (plan.persona === "shopper") shopping ??= goShopping({ client, plan, world, stay, attendance });
      await sit({ match, room, plan, world, stay, attendance, frames });
    }
  } finally {
    attendance.leave();
    await shopping;
    frames.stop();
  }
}

interface Sitting {
  readonly match: Match<AnyState>;
  readonly room: AnyRoomBot;
  readonly plan: BotPlan;
  readonly world: BotWorld;
  readonly stay: Stay;
  readonly attendance: Attendance;
  readonly frames: FrameCount;
}

/** From the first state to the end of the match, or to that of the stay. */
async function sit({ match, room, plan, world, stay, attendance, frames }: Sitting): Promise<void> {
  const { slot } = match;
  attendance.sit({ isRedial: false });
  let seat: FullSeat | undefined;
  try {
    seat = new FullSeat({ match, room, plan, world });
    // The engine tells of each redial that fails as of another drop, with its code.
    match.room.onDrop((code) => {
      frames.pause();
      if (!stay.isOver) attendance.lose(`CLOSE_${code}`);
    });
    match.onBack(() => {
      attendance.sit({ isRedial: true });
      if (match.slot !== slot) world.recorder.violation("I7", "After a reconnect the bot sits in another slot.");
    });
    const ended = new Promise<void>((resolve) => {
      match.onEnded(({ code }) => {
        if (!stay.isOver) attendance.lose(`CLOSE_${code}`);
        resolve();
      });
    });
    await Promise.race([ended, stay.over]);
  } finally {
    seat?.stop();
    frames.pause();
    attendance.rise();
    await match.leave();
  }
}

/** What arrives, counted as the wire carries it. */
class FrameCount {
  /** The room that the bot sits in. */
  roomId = "";
  readonly #world: BotWorld;
  #patchedAtMs: number | null = null;
  #isOver = false;

  constructor(world: BotWorld) {
    this.#world = world;
  }

  hear(frame: Uint8Array, roomId: string): void {
    const { recorder, nowMs } = this.#world;
    if (this.#isOver) return;
    recorder.count("bytesIn", frame.length + headerBytes(frame.length));
    if (kindOf(frame[0] ?? 0) !== ROOM_STATE_PATCH) return;
    recorder.count("patches");
    if (this.roomId !== "" && this.roomId !== roomId) {
      recorder.violation("I4", "A bot that sits in one room is still sent the patches of another.");
    }
    const atMs = nowMs();
    if (this.#patchedAtMs !== null) recorder.record("patchGapMs", atMs - this.#patchedAtMs);
    this.#patchedAtMs = atMs;
  }

  /** The connection has gone: what comes next is no late patch. */
  pause(): void {
    this.#patchedAtMs = null;
  }

  stop(): void {
    this.#isOver = true;
  }
}
