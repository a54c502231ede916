import { BUTTON, STICK_MAX } from "../../../arena/rules.ts";
import { aimAlong, type Device, type Intent } from "./controls.ts";

/** By place on the keyboard and not by letter, so that it works on any layout. */
const MOVES: Readonly<Record<string, readonly [x: number, y: number]>> = {
  KeyW: [0, -1],
  ArrowUp: [0, -1],
  KeyS: [0, 1],
  ArrowDown: [0, 1],
  KeyA: [-1, 0],
  ArrowLeft: [-1, 0],
  KeyD: [1, 0],
  ArrowRight: [1, 0],
};
const DASH_KEYS: readonly string[] = ["Space", "ShiftLeft", "ShiftRight"];
const MOUSE_BUTTONS: Readonly<Record<number, number>> = { 0: BUTTON.fire, 2: BUTTON.dash };

export class KeyboardAndMouse implements Device {
  /** On the page, in CSS pixels; null until the mouse has moved. */
  pointer: { x: number; y: number } | null = null;
  readonly #held = new Set<string>();
  readonly #listening = new AbortController();
  #buttons = 0;
  #taps = 0;
  #aim: number | null = null;

  constructor(surface: HTMLElement) {
    const { signal } = this.#listening;
    window.addEventListener("keydown", (event) => this.#press(event), { signal });
    window.addEventListener("keyup", (event) => this.#release(event.code), { signal });
    // Whoever looks away has let go of everything, also of keys whose release this page will never hear of.
    window.addEventListener("blur", () => this.#releaseAll(), { signal });
    window.addEventListener("pointermove", (event) => this.#point(event), { signal });
    window.addEventListener("pointerup", (event) => this.#mouseUp(event), { signal });
    surface.addEventListener("pointerdown", (event) => this.#mouseDown(event), { signal });
    surface.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  }

  /** Where the own player is on the page. */
  aimFrom(x: number, y: number): void {
    if (this.pointer !== null) this.#aim = aimAlong(this.pointer.x - x, this.pointer.y - y);
  }

  takeTaps(): number {
    const taps = this.#taps;
    this.#taps = 0;
    return taps;
  }

  read(into: Intent): boolean {
    let x = 0;
    let y = 0;
    for (const code of this.#held) {
      const move = MOVES[code];
      x += move?.[0] ?? 0;
      y += move?.[1] ?? 0;
    }
    into.moveX = Math.sign(x) * STICK_MAX;
    into.moveY = Math.sign(y) * STICK_MAX;
    into.buttons = this.#buttons | (DASH_KEYS.some((code) => this.#held.has(code)) ? BUTTON.dash : 0);
    into.aim = this.#aim;
    return true;
  }

  close(): void {
    this.#listening.abort();
  }

  #press(event: KeyboardEvent): void {
    if (event.target instanceof HTMLInputElement) return;
    const isDash = DASH_KEYS.includes(event.code);
    if (!isDash && !(event.code in MOVES)) return;
    // The page would scroll, and a focused button would be pressed by the space bar.
    event.preventDefault();
    if (event.repeat) return;
    this.#held.add(event.code);
    if (isDash) this.#taps |= BUTTON.dash;
  }

  #release(code: string): void {
    this.#held.delete(code);
  }

  #releaseAll(): void {
    this.#held.clear();
    this.#buttons = 0;
  }

  #point(event: PointerEvent): void {
    if (event.pointerType === "touch") return;
    this.pointer ??= { x: 0, y: 0 };
    this.pointer.x = event.clientX;
    this.pointer.y = event.clientY;
  }

  #mouseDown(event: PointerEvent): void {
    if (event.pointerType === "touch" || isControl(event.target)) return;
    this.#point(event);
    const bit = MOUSE_BUTTONS[event.button] ?? 0;
    this.#buttons |= bit;
    this.#taps |= bit;
    event.preventDefault();
  }

  #mouseUp(event: PointerEvent): void {
    if (event.pointerType !== "touch") this.#buttons &= ~(MOUSE_BUTTONS[event.button] ?? 0);
  }
}

/** A click on a button is not a shot. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, input, label, dialog") !== null;
}
