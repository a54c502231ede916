import { BUTTON, STICK_MAX } from "../../../arena/rules.ts";
import { aimAlong, type Device, type Intent } from "./controls.ts";

/** Of the stick's way: worn sticks rest at about a tenth. */
const DEAD = 0.18;
/** Numbers of the standard mapping, https://w3c.github.io/gamepad/#remapping. */
const FIRE = [7, 5];
const DASH = [0, 4, 6];

/** The first gamepad that is plugged in: left stick moves, right stick aims, triggers fire and dash. */
export class Gamepads implements Device {
  takeTaps(): number {
    return 0;
  }

  read(into: Intent): boolean {
    const pad = navigator.getGamepads?.().find((found) => found?.mapping === "standard");
    if (pad === undefined || pad === null) return false;
    const [moveX = 0, moveY = 0, aimX = 0, aimY = 0] = pad.axes;
    const moves = Math.hypot(moveX, moveY) > DEAD;
    const aims = Math.hypot(aimX, aimY) > DEAD * 2;
    into.moveX = moves ? Math.round(moveX * STICK_MAX) : 0;
    into.moveY = moves ? Math.round(moveY * STICK_MAX) : 0;
    into.aim = aims ? aimAlong(aimX, aimY) : null;
    into.buttons = 0;
    if (FIRE.some((index) => pad.buttons[index]?.pressed)) into.buttons |= BUTTON.fire;
    if (DASH.some((index) => pad.buttons[index]?.pressed)) into.buttons |= BUTTON.dash;
    return moves || aims || into.buttons !== 0;
  }

  close(): void {}
}
