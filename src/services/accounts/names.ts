import { z } from "zod";
import { DISPLAY_NAME_CHARS_MAX } from "../../../schema/protocol.ts";
import type { Random } from "../../platform/random.ts";

/** Letters, marks, digits, punctuation and symbols of any script; nothing invisible, nothing that turns the line around. */
const VISIBLE = /^[[\p{L}\p{M}\p{N}\p{P}\p{S} ]--[\p{Default_Ignorable_Code_Point}\u2800]]+$/v;

/** A display name as others see it: composed (NFC), without space around it or doubled within. Names need not be unique. */
export const displayNameSchema = z
  .string()
  .max(4 * DISPLAY_NAME_CHARS_MAX)
  .transform((name) => name.normalize("NFC").trim().replace(/ {2,}/g, " "))
  .pipe(z.string().min(1).max(DISPLAY_NAME_CHARS_MAX).regex(VISIBLE, "holds characters that cannot be shown"));

/** A friendly name for a guest: `Brave Otter`. */
export function guestName(random: Random): string {
  return `${pick(ADJECTIVES, random)} ${pick(ANIMALS, random)}`;
}

function pick(words: readonly string[], random: Random): string {
  return words[random.below(words.length)] ?? "";
}

const ADJECTIVES = (
  "Agile Amber Bold Brave Bright Calm Clever Cosmic Daring Dusty Eager Fabled Gentle Golden Happy Hidden Jolly Keen " +
  "Lively Lucky Mellow Mighty Nimble Noble Patient Plucky Quick Quiet Royal Silver Sly Snowy Solar Stormy Swift Witty"
).split(" ");

const ANIMALS = (
  "Badger Beaver Bison Cobra Condor Cougar Crane Dolphin Falcon Ferret Gecko Heron Ibex Jackal Koala Lemur Lynx Marten " +
  "Moose Narwhal Ocelot Otter Owl Panther Puffin Quail Raven Salmon Shark Stoat Tapir Tiger Toucan Walrus Weasel Wombat"
).split(" ");
