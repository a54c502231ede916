import { connect } from "node:net";
import { createSeededRandom, type SeededRandom } from "../random.ts";
import { Attendance } from "./attendance.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { hostileRequest, volleyOf } from "./garbage.ts";
import { createLightDoor } from "./light-door.ts";
import type { LightLine, LineListener } from "./light-line.ts";
import { botHeaders, type Link } from "./link.ts";
import { roomBotOf } from "./rooms.ts";
import { seekSeat } from "./seat-seeking.ts";
import type { Stay } from "./stay.ts";

/** Between two volleys: enough to be sent away by, and too little to be what keeps the swarm busy. */
const PAUSE_MS = { least: 60, more: 200 };
/** Between two visits. */
const AWAY_MS = { least: 300, more: 1200 };
const REQUEST_MS_MAX = 2000;
/** A stream of the bot's seed. */
const MISCHIEF = 6;

/**
 * Comes in like anybody, then throws garbage and floods at its room and at the routes until it is sent away, and comes back.
 * All of it goes over a raw socket of its own, whatever the plan says of its depth. To be refused, closed and kept out is
 * what it expects, so only its first way in can fail.
 */
export async function playGriefer(plan: BotPlan, world: BotWorld, link: Link, stay: Stay): Promise<void> {
  const { recorder, nowMs } = world;
  const random = createSeededRandom(plan.seed, MISCHIEF);
  const attendance = new Attendance(world, roomBotOf(plan.room).tickHz, link);
  const pause = ({ least, more }: typeof PAUSE_MS) => stay.until(nowMs() + least + random.below(more));
  const silent: LineListener = {
    onPatch: (byteCount) => recorder.count("bytesIn", byteCount),
    onEnd: (byteCount) => recorder.count("bytesIn", byteCount),
  };
  try {
    for (let visits = 0; !stay.isOver; visits++) {
      // Who is sent away comes back as somebody else.
      const door = createLightDoor(plan, world, link);
      const join = () => door.join(silent);
      const release = (late: LightLine) => late.leave();
      const line = await seekSeat({ world, stay, seed: plan.seed, join, release, isExpectedToFail: visits > 0 });
      if (line !== null) {
        if (visits === 0) recorder.record("joinMs", nowMs() - plan.arriveMs);
        attendance.sit({ isRedial: false });
        while (line.isOpen && (await pause(PAUSE_MS))) misbehave({ line, plan, world, link, random });
        attendance.rise();
        await line.leave();
      }
      door.close();
      await pause(AWAY_MS);
    }
  } finally {
    attendance.leave();
  }
}

interface Mischief {
  readonly line: LightLine;
  readonly plan: BotPlan;
  readonly world: BotWorld;
  readonly link: Link;
  readonly random: SeededRandom;
}

function misbehave({ line, plan, world, link, random }: Mischief): void {
  if (random.below(4) === 0) {
    world.recorder.count("garbageSent");
    sendAway(link.endpoint, hostileRequest(random, botHeaders(world, plan.number)), world.signal);
    return;
  }
  const volley = volleyOf(random);
  world.recorder.count("garbageSent", volley.length);
  for (const frame of volley) line.sendRaw(frame);
}

/** Sends bytes to the server's HTTP port and does not care what comes back. */
function sendAway(endpoint: string, text: string, signal: AbortSignal): void {
  const { hostname, port } = new URL(endpoint);
  const socket = connect({ host: hostname, port: Number(port), signal });
  socket.on("connect", () => socket.end(text, "latin1"));
  socket.on("error", () => {});
  socket.setTimeout(REQUEST_MS_MAX, () => socket.destroy());
  socket.resume();
}
