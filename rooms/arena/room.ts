import type { AccountId, MatchId } from "../../schema/ids.ts";
import {
  type ArenaEvent,
  ArenaInput,
  type ArenaMatchEnded,
  type ArenaMode,
  ArenaWorld,
  inputRanges,
  PATCH_EVERY,
  seats,
  TICK_HZ,
  type WearableSlot,
  wearables,
} from "../../schema/state/arena.ts";
import { GameRoom } from "../../src/realtime/game-room.ts";
import type { Inputs } from "../../src/realtime/inputs.ts";
import type { Past } from "../../src/realtime/past.ts";
import type { Guest } from "../../src/realtime/seats.ts";
import type { WorldSetup } from "../../src/realtime/world.ts";
import type { Worn } from "../../src/services/inventory/loadouts.ts";
import { PHASE } from "./rules.ts";
import { addPlayer, freeSlot, prepareWorld, removePlayer, setConnected } from "./seats.ts";
import { step } from "./simulation.ts";
import type { MoveInput } from "./world.ts";

interface ArenaOptions {
  readonly mode: ArenaMode;
}

/** The arena: who sits where, what everyone hears, and what is kept. The game itself is in simulation.ts. */
export class ArenaRoom extends GameRoom<ArenaWorld, MoveInput, "inventory" | "progression", ArenaOptions> {
  static override readonly needs = ["inventory", "progression"] as const;

  readonly tickHz = TICK_HZ;
  readonly patchEvery = PATCH_EVERY;
  readonly input = { type: ArenaInput, idle: { moveX: 0, moveY: 0, aim: 0, buttons: 0 }, ranges: inputRanges };

  createWorld({ options, seed, worldId, botFill }: WorldSetup<ArenaOptions>): ArenaWorld {
    this.maxClients = seats[options.mode].max;
    const world = new ArenaWorld();
    prepareWorld(world, { mode: options.mode, seed, matchBase: worldId, botFill });
    return world;
  }

  step(world: ArenaWorld, inputs: Inputs<MoveInput>, past: Past): void {
    step(world, inputs, past);
  }

  override rewinds(world: ArenaWorld) {
    return world.players;
  }

  enter(world: ArenaWorld, guest: Guest): number {
    const { accountId, name } = guest;
    const { slot } = addPlayer(world, { slot: freeSlot(world), name, accountId, bot: false });
    this.#dress(world, slot, accountId);
    return slot;
  }

  drop(world: ArenaWorld, slot: number): void {
    setConnected(world, slot, false);
  }

  comeBack(world: ArenaWorld, slot: number): void {
    setConnected(world, slot, true);
  }

  exit(world: ArenaWorld, slot: number): void {
    removePlayer(world, slot);
  }

  override afterStep(world: ArenaWorld): void {
    if (world.events.length === 0) return;
    this.tell("events", world.events.map(withoutAccounts));
    for (const event of world.events) if (event.type === "matchEnded") this.#record(event, world.tick);
  }

  /** Nobody is sent home in the middle of a match. */
  override mayClose(world: ArenaWorld): boolean {
    return world.phase !== PHASE.playing;
  }

  /** Asked once, beside the join: nobody waits for a seat until it is known what to wear there. */
  #dress(world: ArenaWorld, slot: number, accountId: AccountId): void {
    const question = () => this.services.inventory.worn(accountId);
    this.ask("wear", question, (worn) => {
      const player = world.players.get(String(slot));
      if (player?.accountId !== accountId) return;
      player.skin = placeOf("skin", worn);
      player.trail = placeOf("trail", worn);
    });
  }

  /** Keyed by the match's id, so that a result is applied once however often it is sent. */
  #record(match: ArenaMatchEnded, tick: number): void {
    const endedAt = this.supplies.clock.date();
    const startedAt = new Date(endedAt.getTime() - ((tick - match.startedTick) * 1000) / TICK_HZ);
    const players = match.results
      .filter((result) => !result.bot)
      .map(({ accountId, placement, kills, deaths, xp }) => ({
        accountId: accountId as AccountId,
        placement,
        kills,
        deaths,
        xp,
        stats: { kills, "best-match": kills },
      }));
    this.persist("match", async () => {
      const matchId = match.matchId as MatchId;
      const outcomes = await this.services.progression.recordMatch({
        matchId,
        room: this.roomName,
        mode: match.mode,
        startedAt,
        endedAt,
        players,
      });
      for (const { accountId, ...outcome } of outcomes) {
        this.tellAccount(accountId, "recorded", { matchId, ...outcome });
      }
    });
  }
}

/** The place of what is worn there in `wearables`; 0 for nothing, and for what nobody here can draw. */
function placeOf(slot: WearableSlot, worn: Worn): number {
  const known: readonly (string | null)[] = wearables[slot];
  return Math.max(0, known.indexOf(worn[slot]?.item ?? null));
}

/** Account ids are no secret, but they are no other player's business either. */
function withoutAccounts(event: ArenaEvent): unknown {
  if (event.type !== "matchEnded") return event;
  return { ...event, results: event.results.map(({ accountId: _, ...result }) => result) };
}
