import { arenaBot } from "./arena.ts";
import type { RoomBot } from "./room-bot.ts";

/** What every state of a room has. */
export interface AnyState {
  readonly tick: number;
}

/** A bot whose room is not known to the compiler: what it takes, it gets from a room of its own kind. */
export type AnyRoomBot = RoomBot<AnyState, object, object, unknown, unknown>;

/** Who plays in which room: one line for each. */
const roomBots: Readonly<Record<string, AnyRoomBot>> = {
  arena: arenaBot,
};

/** Fails when nobody has written a bot for this room. */
export function roomBotOf(room: string): AnyRoomBot {
  const bot = roomBots[room];
  if (bot === undefined)
    throw new RangeError(`No bot plays in "${room}": write one and add it to loadtest/bots/rooms.ts.`);
  return bot;
}
