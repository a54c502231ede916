import type { Random } from "../../platform/random.ts";
import { CRASH_POINTS, DIRECTORY_PREFIX, type GameProcess } from "./game-process.ts";
import type { World } from "./simulation.ts";

/** Something that goes wrong. */
export interface Fault {
  readonly atMs: number;
  strike(world: World): void;
  /** What has to be undone where it lasts beyond the end. */
  heal?(world: World): void;
}

/** A process of which nothing was heard for so long is taken for silent by those who recover its rooms. */
const SILENT_MS = 8500;
export const GONE_MS = 300;
const CALLED_OFF_MS = 1500;

/** One to four faults, all over by `untilMs`. */
export function drawFaults(random: Random, untilMs: number): Fault[] {
  return Array.from({ length: 1 + random.below(4) }, () => drawFault(random, untilMs));
}

function drawFault(random: Random, untilMs: number): Fault {
  const within = (longestMs: number) => random.below(untilMs - longestMs);
  const kinds: readonly (() => Fault)[] = [
    () => pausing(within(5000), 5000),
    () => pausing(within(30_000), 30_000),
    () => ({ atMs: within(4000), strike: (world) => crash(world, world.pick(world.up())) }),
    () => {
      const point = CRASH_POINTS[random.below(CRASH_POINTS.length)] ?? "taken";
      return { atMs: within(4000), strike: (world) => world.arm(point) };
    },
    () => restarting(within(8200), { downMs: 200 + random.below(8000), isEmpty: random.below(2) === 0 }),
    () => ({ atMs: within(1000), strike: flush }),
    () => ({
      atMs: within(4000),
      strike(world) {
        world.losesNextPlan = true;
      },
    }),
    () => ({
      atMs: within(8000),
      strike(world) {
        world.losesNextAdoption = true;
        crash(world, world.pick(world.up()));
      },
    }),
    () => ({ atMs: within(4000), strike: flushAndCrash }),
    () => cutting(within(12_000), 1000 + random.below(11_000)),
    () => ({ atMs: within(8000), strike: (world) => rough(world, 2000 + world.random.below(6000)) }),
  ];
  return (kinds[random.below(kinds.length)] ?? drawNothing)();
}

function drawNothing(): Fault {
  return { atMs: 0, strike: () => {} };
}

function pausing(atMs: number, pauseMs: number): Fault {
  return {
    atMs,
    strike(world) {
      const process = world.pick(world.up());
      if (process === undefined) return;
      world.event(process.id, `is stopped for ${pauseMs} ms`);
      process.host.pause();
      recover(world, process, SILENT_MS);
      world.timeline.after(pauseMs, () => {
        world.event(process.id, "goes on");
        process.host.resume();
      });
    },
  };
}

function crash(world: World, process: GameProcess | undefined, { isRecovered } = { isRecovered: true }): void {
  if (process === undefined || world.up().length < 2) return;
  process.crash();
  if (isRecovered) recover(world, process, GONE_MS);
  world.timeline.after(1000 + world.random.below(2000), () => world.start());
}

function restarting(atMs: number, { downMs, isEmpty }: { downMs: number; isEmpty: boolean }): Fault {
  return {
    atMs,
    strike(world) {
      if (!world.server.isUp) return;
      world.event("redis", `is killed for ${downMs} ms, and ${isEmpty ? "forgets" : "remembers"}`);
      world.server.kill();
      for (const { link } of world.processes) link.lost({ isAtOnce: true });
      world.timeline.after(downMs, () => {
        world.event("redis", "is back");
        world.server.start({ isEmpty });
        if (isEmpty) world.referee.forget();
      });
    },
  };
}

function flush(world: World): void {
  world.event("redis", "is emptied");
  world.server.empty();
  world.referee.forget();
}

/** One process writes what is so in the empty Redis, and dies before it has said anything else; nobody takes its rooms over. */
function flushAndCrash(world: World): void {
  flush(world);
  const process = world.pick(world.up());
  for (const room of process?.rooms.values() ?? []) {
    room.lock(true);
    room.lock(false);
  }
  const die = () => process?.host.state === "up" && crash(world, process, { isRecovered: false });
  world.timeline.after(30 + world.random.below(600), die);
}

/** A plan whose answer is lost is called off once its maker can say so. */
export function watchPlan(world: World, maker: GameProcess | undefined, roomId: string): void {
  const { timeline, server, referee } = world;
  const isFine = () => maker?.host.state === "up" && maker.link.isUp() && maker.weather.isCalm;
  timeline.after(CALLED_OFF_MS, () => {
    const { runId } = server;
    if (!isFine()) return;
    timeline.after(CALLED_OFF_MS, () => {
      const state = server.store.hget(`${DIRECTORY_PREFIX}room:${roomId}`, "state");
      if (isFine() && server.runId === runId && state === "plan") referee.violate(`I5: ${roomId} is still planned`);
    });
  });
}

function cutting(atMs: number, cutMs: number): Fault {
  return {
    atMs,
    strike(world) {
      const process = world.pick(world.up());
      if (process === undefined) return;
      world.event(process.id, `is cut off from Redis for ${cutMs} ms`);
      process.weather.cutFor(cutMs);
      process.link.lost({ isAtOnce: false });
      recover(world, process, SILENT_MS);
    },
  };
}

function rough(world: World, ms: number): void {
  world.event("all", `have rough weather for ${ms} ms`);
  for (const { weather } of world.processes) weather.roughFor(ms);
}

/** Others try to take its rooms over, once it seems dead: whether it is, the directory says. */
export function recover(world: World, dead: GameProcess, afterMs: number): void {
  const rooms = () => [...dead.rooms.keys()].map((roomId) => ({ roomId, epoch: dead.directory.epochOf(roomId) }));
  const tries = [afterMs, afterMs + 700];
  for (const tryMs of tries) {
    world.timeline.after(tryMs, () => {
      for (const { roomId, epoch } of rooms()) {
        const others = world.up().filter((process) => process !== dead);
        const adopter = world.pick(others);
        if (epoch === null || adopter === undefined) continue;
        adopter
          .adopt(roomId, epoch)
          .catch((thrown: Error) => world.event(adopter.id, `cannot adopt: ${thrown.message}`));
      }
    });
  }
}
