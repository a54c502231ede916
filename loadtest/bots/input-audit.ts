import type { AnyRoomBot, AnyState } from "./rooms.ts";

interface AuditParts {
  readonly room: AnyRoomBot;
  /** Of an acknowledged input, from the moment it was due. */
  readonly onEcho: (ms: number) => void;
  readonly violation: (invariant: string, details: string) => void;
}

interface Sent {
  readonly dueMs: number;
  readonly input: object;
}

/** An acknowledgement that does not come is not waited for without end. */
const SENT_MAX = 1000;
/** Below this, a difference is the rounding of what travels. */
const ROUNDING_UNITS = 0.02;
/** So many patches in a row on a regular link, of which most may not contradict the inputs. */
const WINDOW = 60;
const CONTRADICTIONS_MAX = 36;

/**
 * Plays the bot's acknowledged inputs once more on what the server said last, and compares. A server may play an idle input
 * for a late one and drop what is too late, so a single patch may be off by what its inputs can move. More than that, or a
 * little time after time on a link without trouble, is a state that does not follow from what was sent.
 */
export class InputAudit {
  readonly #parts: AuditParts;
  readonly #sent = new Map<number, Sent>();
  #seq = 0;
  #tick = 0;
  #life = "";
  /** The server's last word on the fields that inputs change. */
  #truth: Record<string, unknown> | undefined;
  #window: boolean[] = [];

  constructor(parts: AuditParts) {
    this.#parts = parts;
  }

  /** Whether the last patch has put the player somewhere by a rule of the game. */
  hasNewLife = true;

  /** The connection broke: both ends count inputs anew. */
  reset(): void {
    this.#sent.clear();
    this.#seq = 0;
    this.#truth = undefined;
    this.#window = [];
  }

  sent(seq: number, sent: Sent): void {
    this.#sent.set(seq, sent);
    if (this.#sent.size > SENT_MAX) this.#sent.delete(seq - SENT_MAX);
  }

  /** A patch has come that acknowledges the inputs up to `seq`. */
  look({ state, self, seq, atMs }: { state: AnyState; self: object; seq: number; atMs: number }): void {
    const { room, onEcho } = this.#parts;
    const { drawn, lifeOf } = room.prediction;
    const life = lifeOf(state, self);
    const acknowledged = Math.max(0, seq - this.#seq);
    this.hasNewLife = life !== this.#life || this.#truth === undefined;
    for (let next = this.#seq + 1; next <= seq; next++) {
      const sent = this.#sent.get(next);
      if (sent === undefined) this.hasNewLife = true;
      else onEcho(atMs - sent.dueMs);
      if (sent !== undefined && this.#truth !== undefined) room.prediction.step(this.#truth, sent.input);
      this.#sent.delete(next);
    }
    const words = self as Record<string, unknown>;
    if (!this.hasNewLife) {
      const units = Math.hypot(...drawn.map((field) => Number(words[field]) - Number(this.#truth?.[field])));
      this.#judge({ units, steps: state.tick - this.#tick, acknowledged });
    }
    this.#truth = Object.fromEntries(room.prediction.fields.map((field) => [field, words[field]]));
    this.#seq = Math.max(this.#seq, seq);
    this.#tick = state.tick;
    this.#life = life;
  }

  #judge({ units, steps, acknowledged }: { units: number; steps: number; acknowledged: number }): void {
    const { room, violation } = this.#parts;
    const explained = room.prediction.unitsPerInputMax * (Math.max(0, steps) + acknowledged) + ROUNDING_UNITS;
    // Not a number is no place at all, and compares with nothing.
    if (!(units <= explained)) {
      violation("I7", "The server put the player where no lost or late input explains it, in the middle of its life.");
    }
    if (Math.abs(steps - acknowledged) > 1) this.#window = [];
    else this.#window.push(units > ROUNDING_UNITS);
    if (this.#window.length < WINDOW) return;
    const contradictions = this.#window.filter(Boolean).length;
    this.#window = [];
    if (contradictions > CONTRADICTIONS_MAX) {
      violation(
        "I7",
        "On a link without trouble the server moves the player otherwise than its inputs, patch after patch.",
      );
    }
  }
}
