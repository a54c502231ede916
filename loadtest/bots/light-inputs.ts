import { InputEncoder } from "@colyseus/schema/input";
import type { InputFrames } from "./light-crowd.ts";
import { clientFrame, OPCODE } from "./light-frames.ts";

/** The engine's code for one input on a reliable channel (Protocol in @colyseus/shared-types). */
const ROOM_INPUT_RELIABLE = 19;

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
