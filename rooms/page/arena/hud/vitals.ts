import { BOOST_TICKS, DASH_COOLDOWN_INPUTS, HEALTH_MAX, SHOT_DAMAGE, STEP_SECONDS } from "../../../arena/rules.ts";
import { element, restart, setClass, setText, setVariable } from "../../dom.ts";
import { type Feed, playerAt } from "../feed.ts";

const PIPS = HEALTH_MAX / SHOT_DAMAGE;
const LOW = SHOT_DAMAGE * 2;

/** The bottom of the screen: health in hits, the dash, and the boost while it lasts. Its edge reddens when it is hurt. */
export class Vitals {
  readonly element: HTMLElement;
  /** Lies over the whole picture. */
  readonly edge = element("div", { class: "hurt-edge", "aria-hidden": "true" });
  readonly #number = element("b", { class: "vitals-health" }, "100");
  readonly #pips: readonly HTMLElement[];
  readonly #dash: HTMLElement;
  readonly #dashLabel = element("span", {}, "Dash");
  readonly #boost: HTMLElement;
  readonly #boostTime = element("span");
  #health = HEALTH_MAX;

  constructor() {
    this.#pips = Array.from({ length: PIPS }, () => element("i"));
    this.#dash = element("div", { class: "vitals-dash" }, element("i"), this.#dashLabel);
    this.#boost = element(
      "div",
      { class: "vitals-boost" },
      element("i"),
      element("b", {}, "2× damage"),
      this.#boostTime,
    );
    const bar = element("div", { class: "vitals-pips" }, ...this.#pips);
    this.element = element("div", { class: "vitals" }, this.#boost, this.#number, bar, this.#dash);
  }

  update(feed: Feed): void {
    const self = playerAt(feed.world, feed.slot);
    const health = self?.alive ? self.health : 0;
    setClass(this.element, "is-dead", !self?.alive);
    setClass(this.element, "is-low", health > 0 && health <= LOW);
    setClass(this.edge, "is-low", health > 0 && health <= LOW);
    setText(this.#number, String(health));
    this.#pips.forEach((pip, index) => {
      const share = Math.max(0, Math.min(1, health / SHOT_DAMAGE - index));
      setVariable(pip, "--share", share.toFixed(2));
    });
    if (self?.alive && health < this.#health) restart(this.edge, "is-hurt");
    this.#health = health;
    const charged = 1 - feed.dashCooldown() / DASH_COOLDOWN_INPUTS;
    setVariable(this.#dash, "--share", charged.toFixed(2));
    setClass(this.#dash, "is-ready", charged >= 1);
    const boostTicks = self === undefined ? 0 : Math.max(0, self.boostUntilTick - feed.tickNow());
    setClass(this.#boost, "is-on", boostTicks > 0);
    setVariable(this.#boost, "--share", (boostTicks / BOOST_TICKS).toFixed(2));
    setText(this.#boostTime, `${(boostTicks * STEP_SECONDS).toFixed(1)} s`);
  }
}
