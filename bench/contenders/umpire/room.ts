import { GameRoom } from "../../../src/realtime/game-room.ts";
import type { Inputs } from "../../../src/realtime/inputs.ts";
import { type Direction, move, type RoomSize, spawn, TICK_HZ } from "../movement.ts";
import { Player, Stick, World } from "./state.ts";

/** Written as any room on Umpire is, with every limit of the framework on. */
abstract class WalkRoom extends GameRoom<World, Direction> {
  readonly tickHz = TICK_HZ;
  readonly patchEvery = 1;
  readonly input = {
    type: Stick,
    idle: { dx: 0, dy: 0 },
    ranges: { dx: [-127, 127], dy: [-127, 127] },
  } as const;

  createWorld(): World {
    return new World();
  }

  step(world: World, inputs: Inputs<Direction>): void {
    world.tick += 1;
    for (const [slot, player] of world.players) for (const input of inputs.of(Number(slot))) move(player, input);
  }

  enter(world: World): number {
    let slot = 0;
    while (world.players.has(String(slot))) slot += 1;
    world.players.set(String(slot), new Player(spawn(slot)));
    return slot;
  }

  drop(): void {}
  comeBack(): void {}

  exit(world: World, slot: number): void {
    world.players.delete(String(slot));
  }
}

export const walkRoom = (size: RoomSize) =>
  class extends WalkRoom {
    override maxClients = size;
  };
