import { BUTTON, STICK_MAX } from "../../../arena/rules.ts";
import { button, element, setClass } from "../../dom.ts";
import { aimAlong, type Device, type Intent } from "./controls.ts";

/** How far a thumb moves from where it landed for full tilt, in CSS pixels. */
const REACH = 52;
/** From this tilt on, the right stick fires: less of it only aims. */
const FIRE_TILT = 0.8;

interface Stick {
  readonly base: HTMLElement;
  readonly knob: HTMLElement;
  pointerId: number | null;
  fromX: number;
  fromY: number;
  /** -1 to 1. */
  x: number;
  y: number;
}

/** Two sticks that appear under the thumbs: left half moves, right half aims and, at full tilt, fires. And a dash button. */
export class TouchSticks implements Device {
  /** True from the first touch on: then there is no mouse to aim with. */
  isInUse = false;
  readonly #left = createStick("move");
  readonly #right = createStick("aim");
  readonly #dash: HTMLButtonElement;
  readonly #surface: HTMLElement;
  readonly #listening = new AbortController();
  #taps = 0;

  constructor(surface: HTMLElement) {
    this.#surface = surface;
    this.#dash = button("Dash", "touch-dash", () => {});
    surface.append(this.#left.base, this.#right.base, this.#dash);
    const { signal } = this.#listening;
    this.#dash.addEventListener("pointerdown", (event) => this.#tapDash(event), { signal });
    surface.addEventListener("pointerdown", (event) => this.#land(event), { signal });
    window.addEventListener("pointermove", (event) => this.#drag(event), { signal });
    for (const end of ["pointerup", "pointercancel"] as const) {
      window.addEventListener(end, (event) => this.#lift(event), { signal });
    }
    // A device without a mouse shows its sticks from the start, so that nobody has to guess.
    if (matchMedia("(hover: none) and (pointer: coarse)").matches) this.#begin();
  }

  takeTaps(): number {
    const taps = this.#taps;
    this.#taps = 0;
    return taps;
  }

  read(into: Intent): boolean {
    if (!this.isInUse) return false;
    const { x: moveX, y: moveY } = this.#left;
    const { x: aimX, y: aimY } = this.#right;
    into.moveX = Math.round(moveX * STICK_MAX);
    into.moveY = Math.round(moveY * STICK_MAX);
    const tilt = Math.hypot(aimX, aimY);
    const isAiming = tilt > 0.15;
    const isMoving = Math.hypot(moveX, moveY) > 0.15;
    // Who only walks looks where it walks.
    into.aim = isAiming ? aimAlong(aimX, aimY) : isMoving ? aimAlong(moveX, moveY) : null;
    into.buttons = tilt >= FIRE_TILT ? BUTTON.fire : 0;
    return true;
  }

  close(): void {
    this.#listening.abort();
    for (const part of [this.#left.base, this.#right.base, this.#dash]) part.remove();
    setClass(this.#surface, "has-touch", false);
  }

  #begin(): void {
    this.isInUse = true;
    setClass(this.#surface, "has-touch", true);
  }

  #tapDash(event: PointerEvent): void {
    event.stopPropagation();
    event.preventDefault();
    if (event.pointerType === "touch") this.#begin();
    this.#taps |= BUTTON.dash;
  }

  #land(event: PointerEvent): void {
    if (event.pointerType !== "touch") return;
    if (event.target instanceof Element && event.target.closest("button") !== null) return;
    event.preventDefault();
    this.#begin();
    const stick = event.clientX < window.innerWidth / 2 ? this.#left : this.#right;
    if (stick.pointerId !== null) return;
    stick.pointerId = event.pointerId;
    stick.fromX = event.clientX;
    stick.fromY = event.clientY;
    stick.base.style.translate = `${event.clientX}px ${event.clientY}px`;
    setClass(stick.base, "is-held", true);
    tilt(stick, 0, 0);
  }

  #drag(event: PointerEvent): void {
    const stick = this.#heldBy(event);
    if (stick === undefined) return;
    tilt(stick, (event.clientX - stick.fromX) / REACH, (event.clientY - stick.fromY) / REACH);
    setClass(stick.base, "is-firing", stick === this.#right && Math.hypot(stick.x, stick.y) >= FIRE_TILT);
  }

  #lift(event: PointerEvent): void {
    const stick = this.#heldBy(event);
    if (stick === undefined) return;
    stick.pointerId = null;
    stick.base.style.translate = "";
    setClass(stick.base, "is-held", false);
    setClass(stick.base, "is-firing", false);
    tilt(stick, 0, 0);
  }

  #heldBy(event: PointerEvent): Stick | undefined {
    return [this.#left, this.#right].find((stick) => stick.pointerId === event.pointerId);
  }
}

function createStick(name: string): Stick {
  const knob = element("i");
  const base = element("div", { class: `touch-stick touch-${name}`, "aria-hidden": "true" }, knob);
  return { base, knob, pointerId: null, fromX: 0, fromY: 0, x: 0, y: 0 };
}

/** Puts the knob under the thumb, and no further away than the stick reaches. */
function tilt(stick: Stick, x: number, y: number): void {
  const length = Math.max(1, Math.hypot(x, y));
  stick.x = x / length;
  stick.y = y / length;
  stick.knob.style.translate = `${stick.x * REACH}px ${stick.y * REACH}px`;
}
