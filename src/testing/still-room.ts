import { type SchemaType, schema, t } from "@colyseus/schema";
import { z } from "zod";
import { GameRoom } from "../realtime/game-room.ts";

const StillWorld = schema({ tick: t.uint32().default(0) }, "StillWorld");
type StillWorld = SchemaType<typeof StillWorld>;
const StillInput = schema({ x: t.int8().default(0) }, "StillInput");

export const STILL_TICK_MS = 25;
/** When rooms of this process stepped: by the stopwatch, and by the processor time that the loop had taken until then. */
export const steps: { readonly atMs: number; readonly loopMs: number }[] = [];

/** A room in which nothing happens, for tests of what goes on around one. */
class StillRoom extends GameRoom<StillWorld, { x: number }> {
  readonly tickHz = 1000 / STILL_TICK_MS;
  readonly patchEvery = 2;
  readonly input = { type: StillInput, idle: { x: 0 }, ranges: { x: [0, 0] } } as const;
  #slot = 0;

  createWorld(): StillWorld {
    return new StillWorld();
  }
  step(world: StillWorld): void {
    world.tick += 1;
    const { user, system } = process.threadCpuUsage();
    steps.push({ atMs: performance.now(), loopMs: (user + system) / 1000 });
  }
  enter(): number {
    return this.#slot++;
  }
  drop(): void {}
  comeBack(): void {}
  exit(): void {}
}

/** For `startTestApp`: one kind of room, by the name of `still`. */
export const stillRooms = {
  still: {
    room: StillRoom,
    filters: (region: string) => z.strictObject({ region: z.literal(region).default(region) }),
  },
};
