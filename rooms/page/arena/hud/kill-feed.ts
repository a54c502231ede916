import type { ArenaEvent } from "../../../../schema/state/arena.ts";
import { element } from "../../dom.ts";
import { type Feed, playerAt } from "../feed.ts";
import { colourOf, cssColour } from "../picture/palette.ts";

const LINES_MAX = 5;
const SECONDS = 6;

/** Who felled whom, newest at the bottom. */
export class KillFeed {
  readonly element = element("ol", { class: "kill-feed", "aria-live": "polite", "aria-label": "Eliminations" });
  readonly #feed: Feed;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  play(event: ArenaEvent): void {
    if (event.type !== "kill") return;
    const { slot } = this.#feed;
    const isOwn = event.by === slot || event.slot === slot;
    const line = element(
      "li",
      { class: isOwn ? "is-own" : "" },
      this.#name(event.by),
      element("i", { "aria-label": "eliminated" }),
      this.#name(event.slot),
      event.streak >= 3 ? element("em", {}, `×${event.streak}`) : null,
    );
    this.element.append(line);
    if (this.element.childElementCount > LINES_MAX) this.element.firstElementChild?.remove();
    setTimeout(() => line.remove(), SECONDS * 1000);
  }

  #name(slot: number): HTMLElement {
    const name = element("b", {}, playerAt(this.#feed.world, slot)?.name ?? "somebody");
    name.style.color = cssColour(colourOf(slot, this.#feed.slot));
    return name;
  }
}
