import { type SchemaType, schema, t } from "@colyseus/schema";
import { GameRoom } from "../realtime/game-room.ts";
import type { WorldSetup } from "../realtime/world.ts";
import type { TestApp, TestPlayer } from "./app.ts";

export const Plain = schema({ tick: t.uint32().default(0) }, "Plain");
export type Plain = SchemaType<typeof Plain>;
const Nothing = schema({ nothing: t.uint8().default(0) }, "Nothing");

/** A room in which nothing happens but time: for tests of what stands before the room. */
export class PlainRoom extends GameRoom<Plain, { nothing: number }> {
  readonly tickHz: number = 20;
  readonly patchEvery: number = 2;
  readonly input = { type: Nothing, idle: { nothing: 0 }, ranges: {} };
  override maxClients = 8;
  readonly #taken = new Set<number>();

  createWorld(_setup: WorldSetup<object>): Plain {
    return new Plain();
  }
  step(world: Plain): void {
    world.tick += 1;
  }
  enter(): number {
    let slot = 0;
    while (this.#taken.has(slot)) slot += 1;
    this.#taken.add(slot);
    return slot;
  }
  drop(): void {}
  comeBack(): void {}
  exit(_world: Plain, slot: number): void {
    this.#taken.delete(slot);
  }
}

/** A seat as the matchmaker hands it out. */
export interface ReservedSeat {
  readonly roomId: string;
  readonly processId: string;
  readonly sessionId: string;
}

interface AskOptions {
  readonly room: string;
  readonly method?: string;
  /** A room's name or id; by default the room's name. */
  readonly target?: string;
  readonly filters?: object | string;
  readonly headers?: Record<string, string>;
}

/** Asks for a seat with a fresh ticket, and does not sit down. */
export async function askForSeat(
  app: Pick<TestApp, "call" | "ticket">,
  player: TestPlayer,
  { room, method = "joinOrCreate", target = room, filters = {}, headers = {} }: AskOptions,
) {
  const token = await app.ticket(player, room);
  const reply = await app.call("POST", `/matchmake/${method}/${target}`, { token, body: filters, headers });
  return { ...reply, body: reply.body as ReservedSeat & { code?: string; details?: Record<string, unknown> } };
}

/** The path and query of the socket that takes this seat. */
export function seatPath({ processId, roomId, sessionId }: ReservedSeat, more: Record<string, string> = {}): string {
  return `/${processId}/${roomId}?${new URLSearchParams({ sessionId, ...more })}`;
}
