import { NO_SLOT } from "../../../arena/rules.ts";

/** The whole picture is drawn in these: ink for the paper, one blue for what is built, and a colour for each player. */
export const ink = {
  void: 0x04060b,
  floor: 0x0a1120,
  wall: 0x0d182c,
  hatch: 0x3f6fc4,
  edge: 0x7fb2ff,
  glow: 0x2e6bff,
  mark: 0x5f8fe0,
  white: 0xffffff,
} as const;

export const signal = {
  health: 0x63f59b,
  boost: 0xffc857,
  hurt: 0xff3d5e,
} as const;

/** Nobody else ever has the own colour, so one glance is enough. */
const OWN = 0x4ff5e1;

const others = [
  0xff5d6c, 0xffa24a, 0xb48bff, 0xff70c8, 0xf7e05a, 0xff8f7a, 0x8fa8ff, 0xc9f25b, 0xe06bff, 0xffb3a1, 0xff4f9a,
  0xd9c2ff,
] as const;

/** The colour of a slot, as somebody in `ownSlot` sees it. It stays the same for as long as the slot is taken. */
export function colourOf(slot: number, ownSlot: number): number {
  if (slot === ownSlot) return OWN;
  // Who only watches sees the own colour on somebody, because it belongs to the picture.
  if (ownSlot === NO_SLOT && slot === 0) return OWN;
  return others[slot % others.length] ?? ink.white;
}

export function cssColour(colour: number): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}
