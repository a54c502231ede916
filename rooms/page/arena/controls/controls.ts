import { angleOf } from "../../../arena/trigonometry.ts";
import type { MoveInput } from "../../../arena/world.ts";
import type { Hands } from "../feed.ts";
import { Gamepads } from "./gamepads.ts";
import { KeyboardAndMouse } from "./keyboard-and-mouse.ts";
import { TouchSticks } from "./touch-sticks.ts";

/** What one kind of device says right now. `aim` is null while it has no opinion. */
export interface Intent {
  moveX: number;
  moveY: number;
  aim: number | null;
  buttons: number;
}

export interface Device {
  /** Bits of BUTTON that were pressed since the last call, even if let go again. */
  takeTaps(): number;
  /** Writes what is held down now; returns whether the player is using this device. */
  read(into: Intent): boolean;
  close(): void;
}

/** The player's hands: keyboard and mouse, two thumbs, or a gamepad, whichever was used last. */
export class Controls implements Hands {
  /** The binary angle that the player aims at, at this moment. */
  aim = 0;
  readonly #mouse: KeyboardAndMouse;
  readonly #touch: TouchSticks;
  readonly #devices: readonly Device[];
  readonly #intent: Intent = { moveX: 0, moveY: 0, aim: null, buttons: 0 };
  readonly #scratch: Intent = { moveX: 0, moveY: 0, aim: null, buttons: 0 };
  #taps = 0;

  constructor(surface: HTMLElement) {
    this.#mouse = new KeyboardAndMouse(surface);
    this.#touch = new TouchSticks(surface);
    this.#devices = [this.#mouse, this.#touch, new Gamepads()];
  }

  /** Where the mouse is on the page, or null when the player has none in hand. */
  get pointer(): { readonly x: number; readonly y: number } | null {
    return this.#touch.isInUse ? null : this.#mouse.pointer;
  }

  /** Reads all devices, once per frame. `originX` and `originY` are where the own player is on the page. */
  poll(originX: number, originY: number): void {
    const intent = this.#intent;
    intent.moveX = 0;
    intent.moveY = 0;
    intent.buttons = 0;
    this.#mouse.aimFrom(originX, originY);
    for (const device of this.#devices) {
      this.#taps |= device.takeTaps();
      if (!device.read(this.#scratch)) continue;
      if (this.#scratch.moveX !== 0 || this.#scratch.moveY !== 0) {
        intent.moveX = this.#scratch.moveX;
        intent.moveY = this.#scratch.moveY;
      }
      if (this.#scratch.aim !== null) this.aim = this.#scratch.aim;
      intent.buttons |= this.#scratch.buttons;
    }
  }

  /** What the next step plays. A button that was tapped between two steps counts once. */
  take(): MoveInput {
    const { moveX, moveY, buttons } = this.#intent;
    const taken = { moveX, moveY, aim: this.aim, buttons: buttons | this.#taps };
    this.#taps = 0;
    return taken;
  }

  close(): void {
    for (const device of this.#devices) device.close();
  }
}

/** From a direction on the page to the game's angle. */
export function aimAlong(x: number, y: number): number {
  return angleOf(x, y);
}
