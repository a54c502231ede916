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
} from "../../schema/state/arena.ts";
import { GameRoom } from "../../src/realtime/game-room.ts";
import type { Inputs } from "../../src/realtime/inputs.ts";
import type { Past } from "../../src/realtime/past.ts";
import type { Guest } from "../../src/realtime/seats.ts";
import type { WorldSetup } from "../../src/realtime/world.ts";
import { PHASE } from "./rules.ts";
import { addPlayer, freeSlot, prepareWorld, removePlayer, setConnected } from "./seats.ts";
import { step } from "./simulation.ts";
import type { MoveInput } from "./world.ts";

interface ArenaOptions {
  readonly mode: ArenaMode;
}

/** The arena: who sits where, what everyone hears, and what is kept. The game itself is in simulation.ts. */
export class ArenaRoom extends GameRoom<ArenaWorld, MoveInput, "progression", ArenaOptions> {
  static override readonly needs = ["progression"] as const;

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
    return addPlayer(world, { slot: freeSlot(world), name: guest.name, accountId: guest.accountId, bot: false }).slot;
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

/** Account ids are no secret, but they are no other player's business either. */
function withoutAccounts(event: ArenaEvent): unknown {
  if (event.type !== "matchEnded") return event;
  return { ...event, results: event.results.map(({ accountId: _, ...result }) => result) };
}
