import type { z } from "zod";
import { AppError } from "../platform/errors.ts";
import { problemsOf } from "../platform/http.ts";
import type { EngineClient } from "./engine.ts";
import type { Player } from "./seats.ts";

interface MessageRoom {
  playerOf(client: EngineClient): Player | undefined;
}

/**
 * A room message: its payload, which is JSON and nothing else, is parsed by `schema` before the handler sees it. What
 * the handler returns answers a `room.request`. A payload of another form, and any failure the handler throws, is
 * answered with `{ code, message, details, errorId }`: as the rejection of a request, or as a message of type `error`.
 *
 * Errors: ROOM_MESSAGE_INVALID, and whatever the handler throws as AppError; anything else is shown as INTERNAL.
 */
export function message<Self, T>(schema: z.ZodType<T>, handler: (this: Self, player: Player, payload: T) => unknown) {
  return function receive(this: Self & MessageRoom, client: EngineClient, payload: unknown): unknown {
    const player = this.playerOf(client);
    if (player === undefined) return undefined;
    const parsed = schema.safeParse(payload);
    if (!parsed.success) throw new AppError("ROOM_MESSAGE_INVALID", { problems: problemsOf(parsed.error) });
    return handler.call(this, player, parsed.data);
  };
}
