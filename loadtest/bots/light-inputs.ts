import { InputEncoder } from "@colyseus/schema/input";
import { createSeededRandom } from "../random.ts";
import type { BotPlan } from "./bot.ts";
import type { InputFrames } from "./light-crowd.ts";
import { clientFrame, OPCODE } from "./light-frames.ts";
import { moodOf } from "./room-bot.ts";
import { type AnyRoomBot, roomBotOf } from "./rooms.ts";

/** The engine's code for one input on a reliable channel (Protocol in @colyseus/shared-types). */
export const ROOM_INPUT_RELIABLE = 19;
const MASKING_KEY = 0x6a09_e667;

/**
 * So many ways to play blindly there are for each room and mood. Each is encoded once for all who play it, because frames of
 * its own for every bot would take more memory than all the rest of it.
 */
const WAYS = 64;
/** A stream of a bot's seed: what it does when it sees nothing. */
const REHEARSAL = 4;
const known = new Map<string, InputFrames>();

/** What a light bot sends, by its room, persona and seed. */
export function framesOf({ room, persona, seed }: BotPlan): InputFrames {
  const name = `${room} ${moodOf(persona)} ${seed % WAYS}`;
  const frames = known.get(name) ?? inputFrames(roomBotOf(room).input, rehearsal({ room, persona, seed }), MASKING_KEY);
  known.set(name, frames);
  return frames;
}

/** One round of what a bot plays that sees nothing. */
export function rehearsal({ room, persona, seed }: Pick<BotPlan, "room" | "persona" | "seed">): readonly object[] {
  const bot: AnyRoomBot = roomBotOf(room);
  const mood = moodOf(persona);
  return mood === "idle" ? [bot.still] : bot.rehearse(mood, createSeededRandom(seed % WAYS, REHEARSAL));
}

/**
 * The frames of a room's inputs, encoded once by the engine's own encoder. `steps` is one round of play. The first round
 * begins with everything and goes on with what changed; every later round begins with what changed since the round's end,
 * so two rounds are recorded: the first is sent once, the second over and over.
 *
 * Inputs go out without a stamp of the time at which the player saw the others, as an honest client's do that does not
 * shoot.
 */
export function inputFrames<Input extends object>(
  type: new () => Input,
  steps: readonly Readonly<Partial<Input>>[],
  key: number,
): InputFrames {
  const input = new type();
  const encoder = new InputEncoder(input as never);
  const round = () =>
    steps.map((step) => {
      Object.assign(input, step);
      return clientFrame(OPCODE.binary, Uint8Array.of(ROOM_INPUT_RELIABLE, ...encoder.encode()), key);
    });
  return { first: round(), cycle: round() };
}
