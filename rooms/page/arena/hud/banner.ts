import type { ArenaEvent } from "../../../../schema/state/arena.ts";
import { PHASE, STEP_SECONDS } from "../../../arena/rules.ts";
import { element, restart, setClass, setText } from "../../dom.ts";
import { type Feed, playerAt } from "../feed.ts";
import type { Sounds } from "../sounds.ts";

const GO_SECONDS = 1;

/** Large words in the middle: what the match waits for, 3-2-1, who felled you, and how long until you are back. */
export class Banner {
  readonly element: HTMLElement;
  readonly #title = element("strong");
  readonly #line = element("span");
  readonly #feed: Feed;
  readonly #sounds: Sounds;
  #shown = "";
  #felledBy = "";
  #goUntilTick = 0;

  constructor(feed: Feed, sounds: Sounds) {
    this.#feed = feed;
    this.#sounds = sounds;
    this.element = element("div", { class: "banner", role: "status" }, this.#title, this.#line);
  }

  play(event: ArenaEvent): void {
    const { slot, world } = this.#feed;
    if (event.type === "kill" && event.slot === slot) {
      this.#felledBy = playerAt(world, event.by)?.name ?? "somebody";
    }
    if (event.type === "phase" && event.phase === PHASE.playing) {
      this.#goUntilTick = world.tick + GO_SECONDS / STEP_SECONDS;
      this.#sounds.play("go");
    }
  }

  update(): void {
    const { title, line, tone } = this.#message();
    const key = `${tone}${title}`;
    setText(this.#title, title);
    setText(this.#line, line);
    setClass(this.element, "is-shown", title !== "");
    if (key === this.#shown) return;
    this.#shown = key;
    this.element.dataset["tone"] = tone;
    restart(this.element, "is-new");
    if (tone === "count") this.#sounds.play("count");
  }

  #message(): { title: string; line: string; tone: string } {
    const feed = this.#feed;
    const { world } = feed;
    const tick = feed.tickNow();
    const self = playerAt(world, feed.slot);
    if (world.phase === PHASE.waiting) {
      return { title: "Waiting for players", line: "Warm up: nobody gets hurt yet.", tone: "calm" };
    }
    if (world.phase === PHASE.countdown) {
      const count = Math.max(1, Math.ceil((world.phaseEndsAtTick - tick) * STEP_SECONDS));
      return { title: String(count), line: "Get ready", tone: "count" };
    }
    if (world.phase !== PHASE.playing) return NOTHING;
    if (self !== undefined && !self.alive) {
      const seconds = Math.max(0, (self.respawnAtTick - tick) * STEP_SECONDS);
      const line = this.#felledBy === "" ? "Coming in" : `by ${this.#felledBy}`;
      return {
        title: this.#felledBy === "" ? "Joining" : "Eliminated",
        line: `${line} · back in ${seconds.toFixed(1)}`,
        tone: "down",
      };
    }
    if (tick < this.#goUntilTick) return { title: "Go", line: "", tone: "go" };
    return NOTHING;
  }
}

const NOTHING = { title: "", line: "", tone: "none" };
