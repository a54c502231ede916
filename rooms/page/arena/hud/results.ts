import type { ArenaEvent, ArenaMatchEnded, ArenaResult } from "../../../../schema/state/arena.ts";
import { PHASE, STEP_SECONDS } from "../../../arena/rules.ts";
import { element, setClass, setText } from "../../dom.ts";
import { pictureOf } from "../../property/pictures.ts";
import type { Feed, Recorded } from "../feed.ts";
import { colourOf, cssColour } from "../picture/palette.ts";
import type { Sounds } from "../sounds.ts";

const LINES_MAX = 8;

/** After a match: who came where, what it brought, and when the next one begins. */
export class Results {
  readonly element = element("section", { class: "results panel", "aria-label": "Results", "aria-live": "polite" });
  readonly #feed: Feed;
  readonly #sounds: Sounds;
  readonly #next = element("p", { class: "results-next" });
  readonly #reward = element("div", { class: "results-reward" });
  #matchId = "";

  constructor(feed: Feed, sounds: Sounds) {
    this.#feed = feed;
    this.#sounds = sounds;
  }

  play(event: ArenaEvent): void {
    if (event.type === "matchEnded") this.#show(event);
  }

  update(): void {
    const { world } = this.#feed;
    const isOver = world.phase === PHASE.results;
    setClass(this.element, "is-open", isOver && this.element.childElementCount > 0);
    if (!isOver) return;
    const seconds = Math.max(0, Math.ceil((world.phaseEndsAtTick - this.#feed.tickNow()) * STEP_SECONDS));
    setText(this.#next, `Next match in ${seconds}`);
    const recorded = this.#feed.takeRecorded();
    if (recorded?.matchId === this.#matchId) this.#showReward(recorded);
  }

  #show(match: ArenaMatchEnded): void {
    this.#matchId = match.matchId;
    const { slot } = this.#feed;
    const own = match.results.find((result) => result.slot === slot && !result.left);
    const winner = match.results[0];
    const title = own === undefined ? `${winner?.name ?? "Nobody"} wins` : titleOf(own.placement, match.results.length);
    const listed = match.results.slice(0, LINES_MAX);
    if (own !== undefined && !listed.includes(own)) listed[LINES_MAX - 1] = own;
    this.#reward.replaceChildren(...this.#promise(own));
    this.element.replaceChildren(
      element("h2", { class: own?.placement === 1 ? "is-won" : "" }, title),
      element("p", { class: "results-sub" }, own === undefined ? "" : summaryOf(own)),
      element("table", {}, head(), element("tbody", {}, ...listed.map((result) => line(result, slot)))),
      this.#reward,
      this.#next,
    );
    this.#sounds.play(own?.placement === 1 ? "levelUp" : "end");
  }

  /** What the match should bring, until the server has said that it is written down. */
  #promise(own: ArenaResult | undefined): HTMLElement[] {
    return own === undefined ? [] : [element("b", {}, `+${own.xp} XP`)];
  }

  #showReward({ xpGained, level, levelsGained, rewards }: Recorded): void {
    const note = levelsGained > 0 ? `Level ${level} reached` : `Level ${level}`;
    this.#reward.replaceChildren(
      element("b", {}, `+${xpGained} XP`),
      element("span", { class: levelsGained > 0 ? "is-new-level" : "" }, note),
      ...Object.entries({ ...rewards?.currencies, ...rewards?.items }).map(gift),
    );
    if (levelsGained > 0) this.#sounds.play("levelUp");
  }
}

function gift([what, count]: [string, number]): HTMLElement {
  return element("span", { class: "results-gift" }, pictureOf(what), `+${count} ${what}`);
}

function titleOf(placement: number, players: number): string {
  if (placement === 1) return "Victory";
  return players === 2 ? "Defeat" : `${ordinal(placement)} place`;
}

function summaryOf({ kills, deaths, shotsFired, shotsHit }: ArenaResult): string {
  const accuracy = shotsFired === 0 ? 0 : Math.round((shotsHit / shotsFired) * 100);
  return `${count(kills, "kill")} · ${count(deaths, "death")} · ${accuracy} % accuracy`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function head(): HTMLElement {
  const titles = ["", "Player", "Kills / deaths", "XP"];
  return element("thead", {}, element("tr", {}, ...titles.map((title) => element("th", {}, title))));
}

function line(result: ArenaResult, ownSlot: number): HTMLElement {
  const row = element(
    "tr",
    { class: result.slot === ownSlot && !result.left ? "is-own" : result.left ? "is-down" : "" },
    element("td", {}, String(result.placement)),
    element("td", {}, result.left ? `${result.name} (left)` : result.name),
    element("td", {}, `${result.kills} / ${result.deaths}`),
    element("td", {}, result.bot ? "bot" : `+${result.xp}`),
  );
  row.style.setProperty("--colour", cssColour(colourOf(result.slot, ownSlot)));
  return row;
}

function ordinal(place: number): string {
  const teen = place % 100 >= 11 && place % 100 <= 13;
  const suffix = teen ? "th" : (["th", "st", "nd", "rd"][place % 10] ?? "th");
  return `${place}${suffix}`;
}
