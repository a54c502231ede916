import type { AnyRoomBot, AnyState } from "./rooms.ts";

/** A match that is adopted by another process goes on from at most this long ago (FAULTS.md, class 2), with some slack. */
const SET_BACK_SECONDS = 1.5;

/** Looks at each state that a full bot decodes, and says what must not be: each flaw once, when it appears. */
export class StateJudge {
  readonly #room: AnyRoomBot;
  readonly #violation: (invariant: string, details: string) => void;
  #flaws = new Set<string>();
  #glance: unknown;
  #lastTick = -1;
  #wasAway = false;

  constructor(room: AnyRoomBot, violation: (invariant: string, details: string) => void) {
    this.#room = room;
    this.#violation = violation;
  }

  /** The connection broke: what comes next is the same match, a little later, or a second earlier in a new process. */
  interrupt(): void {
    this.#wasAway = true;
    this.#glance = undefined;
  }

  look(state: AnyState, slot: number): void {
    const { tick } = state;
    const found = new Set<string>();
    const flaw = (invariant: string, details: string) => {
      found.add(details);
      if (!this.#flaws.has(details)) this.#violation(invariant, details);
    };
    const leastTick = this.#lastTick - (this.#wasAway ? SET_BACK_SECONDS * this.#room.tickHz : 0);
    if (!(tick >= leastTick)) {
      flaw("I7", this.#wasAway ? "After a reconnect the match is another, or far behind." : "The tick went back.");
      this.#glance = undefined;
    }
    if (this.#room.self(state, slot) === undefined) flaw("I7", "The bot's own player is not in the state.");
    for (const { invariant, details } of this.#room.flawsOf(state, slot, this.#glance)) flaw(invariant, details);
    this.#flaws = found;
    this.#glance = this.#room.glance(state);
    this.#lastTick = tick;
    this.#wasAway = false;
  }
}
