import { decide } from "./bot.ts";
import { collectPickups, fireShots, type Shot } from "./combat.ts";
import { advancePhase, spawnDue } from "./match.ts";
import { ACT, movePlayer } from "./movement.ts";
import { seated } from "./seats.ts";
import type { Inputs, Past, Player, PlayerInput, World } from "./world.ts";

/**
 * One step of 25 ms. It is pure: the same world, inputs and past give the same world again, on a Schema instance, on a
 * plain copy, on the server and in a browser. It knows no clock, draws from the world's seed and uses only arithmetic
 * that agrees between engines. Everyone moves first, then every shot flies, so nobody gains from a low slot.
 */
export function step(world: World, inputs: Inputs, past: Past): void {
  world.events.length = 0;
  world.tick += 1;
  const players = seated(world);
  spawnDue(world, players);
  const shots: Shot[] = [];
  for (const player of players) {
    if (player.bot) applyInput(world, player, botInput(world, player), shots);
    else if (!player.connected) applyInput(world, player, standStill(world, player), shots);
    else for (const input of inputs.of(player.slot)) applyInput(world, player, input, shots);
  }
  fireShots(world, players, shots, past);
  collectPickups(world, players);
  advancePhase(world, players);
}

function applyInput(world: World, player: Player, input: PlayerInput, shots: Shot[]): void {
  const acts = movePlayer(player, input);
  if ((acts & ACT.dash) !== 0) world.events.push({ type: "dash", slot: player.slot, x: player.x, y: player.y });
  if ((acts & ACT.shot) === 0) return;
  shots.push({ shooter: player, x: player.x, y: player.y, aim: player.aim, viewTick: input.viewTick });
}

/** A bot sees the present. That it does not hit everything is in its hands, not in its eyes. */
function botInput(world: World, player: Player): PlayerInput {
  if (!player.alive || player.frozen) return standStill(world, player);
  const { moveX, moveY, aim, buttons } = decide(world, player, player, world);
  return { moveX, moveY, aim, buttons, viewTick: world.tick };
}

function standStill(world: World, player: Player): PlayerInput {
  return { moveX: 0, moveY: 0, aim: player.aim, buttons: 0, viewTick: world.tick };
}
