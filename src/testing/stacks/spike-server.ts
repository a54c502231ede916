/** Umpire with one kind of room, which only ticks and writes down when: for what a crowd at the door does to it. */

import { z } from "zod";
import { catalogue } from "../../../rooms/catalogue/index.ts";
import { createApp } from "../../app.ts";
import { readConfig } from "../../platform/config.ts";
import { createLog } from "../../platform/log.ts";
import { type Plain, PlainRoom } from "../plain-room.ts";
import { serveParent } from "./child.ts";

/** From each step to the next, in ticks. */
let gaps: number[] = [];

class TickingRoom extends PlainRoom {
  override readonly tickHz = 20;
  override maxClients = 16;
  #steppedMs = 0;

  override step(world: Plain): void {
    super.step(world);
    const nowMs = performance.now();
    if (this.#steppedMs > 0) gaps.push(((nowMs - this.#steppedMs) * this.tickHz) / 1000);
    this.#steppedMs = nowMs;
  }
}

const config = readConfig();
const log = createLog({ level: config.LOG_LEVEL });
const rooms = { ticking: { room: TickingRoom, filters: () => z.strictObject({}) } };
const app = await createApp({ rooms, catalogue, config, log });

serveParent(app.port, {
  stepGaps() {
    const taken = gaps;
    gaps = [];
    return taken;
  },
});
