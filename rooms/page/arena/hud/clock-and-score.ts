import { PHASE, STEP_SECONDS } from "../../../arena/rules.ts";
import { element, setClass, setText } from "../../dom.ts";
import { type Feed, listPlayers, type SeenPlayer } from "../feed.ts";

const HURRY_SECONDS = 15;

/** The top of the screen: time left, own score and the one to beat. */
export class ClockAndScore {
  readonly element: HTMLElement;
  readonly #time = element("b", { class: "clock-time" }, "–:––");
  readonly #own = element("b", { class: "score-own" }, "0");
  readonly #ownLabel = element("span", {}, "You");
  readonly #rival = element("b", { class: "score-rival" }, "0");
  readonly #rivalLabel = element("span", {}, "Best");
  readonly #goal = element("span", { class: "clock-goal" });
  readonly #seated: SeenPlayer[] = [];

  constructor() {
    this.element = element(
      "div",
      { class: "clock" },
      element("div", { class: "clock-side" }, this.#ownLabel, this.#own),
      element("div", { class: "clock-middle" }, this.#time, this.#goal),
      element("div", { class: "clock-side" }, this.#rival, this.#rivalLabel),
    );
  }

  update(feed: Feed): void {
    const { world } = feed;
    const isRunning = world.phase !== PHASE.waiting;
    const secondsLeft = Math.max(0, (world.phaseEndsAtTick - feed.tickNow()) * STEP_SECONDS);
    setText(this.#time, isRunning ? clockText(secondsLeft) : "–:––");
    setClass(this.#time, "is-hurried", world.phase === PHASE.playing && secondsLeft <= HURRY_SECONDS);
    setText(this.#goal, world.scoreLimit > 0 ? `first to ${world.scoreLimit}` : "");
    let own: SeenPlayer | undefined;
    let rival: SeenPlayer | undefined;
    for (const player of listPlayers(world, this.#seated)) {
      if (player.slot === feed.slot) own = player;
      else if (rival === undefined || player.kills > rival.kills) rival = player;
    }
    setText(this.#own, String(own?.kills ?? 0));
    setText(this.#rival, rival === undefined ? "" : String(rival.kills));
    setText(this.#rivalLabel, rival?.name ?? "");
    setClass(this.element, "is-leading", (own?.kills ?? 0) > (rival?.kills ?? 0));
  }
}

/** 95.2 becomes 1:36: a clock that shows 0:00 has run out. */
function clockText(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
