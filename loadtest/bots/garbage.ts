import type { SeededRandom } from "../random.ts";
import { clientFrame, OPCODE } from "./light-frames.ts";
import { ROOM_INPUT_RELIABLE } from "./light-inputs.ts";

/** What comes over the wire from someone who wants to do harm: a taste of it. `npm run fuzz` has all of it. */
type Generator = (random: SeededRandom) => Uint8Array;

const KEY = 0xdead_beef;
const VOLLEY = 24;
/** More inputs in one go than ten seconds of play have, ten times a second. */
const FLOOD = 240;
const BYTES_MAX = 96;
/** The engine's codes run from 10 to 22. */
const FIRST_CODE = 8;
const CODES = 16;
const ROOM_DATA = 13;

const bytesOf = (random: SeededRandom, length: number) => Buffer.from(Array.from({ length }, () => random.below(256)));
const framed = (payload: Uint8Array) => clientFrame(OPCODE.binary, payload, KEY);

const generators: readonly Generator[] = [
  (random) => framed(bytesOf(random, random.below(BYTES_MAX))),
  (random) =>
    framed(Buffer.concat([Buffer.of(FIRST_CODE + random.below(CODES)), bytesOf(random, random.below(BYTES_MAX))])),
  // A message that no room has a handler for.
  (random) => framed(Buffer.concat([Buffer.of(ROOM_DATA, 0xa3), bytesOf(random, 3), Buffer.of(0xc0)])),
  // An array that claims four thousand million entries.
  () => framed(Buffer.from("0da473686f74ddffffffff", "hex")),
  (random) => clientFrame(OPCODE.text, bytesOf(random, random.below(BYTES_MAX)), KEY),
  // No frame at all.
  (random) => bytesOf(random, 1 + random.below(BYTES_MAX)),
];

/** Some frames, of one kind or of many, or a flood of inputs that would each be welcome. */
export function volleyOf(random: SeededRandom): Uint8Array[] {
  if (random.below(3) === 0) return Array.from({ length: FLOOD }, () => framed(Uint8Array.of(ROOM_INPUT_RELIABLE)));
  // Most of what is thrown is bad enough to be closed for; half of the volleys are only a nuisance.
  const isNuisance = random.below(2) === 0;
  return Array.from({ length: VOLLEY }, () => {
    const generate = generators[isNuisance ? 2 : random.below(generators.length)];
    return generate?.(random) ?? new Uint8Array();
  });
}

const METHODS = ["GET", "POST", "DELETE", "PUT", "BREW"];
const PATHS = [
  "/api/accounts/guest",
  "/api/store/purchases",
  "/matchmake/joinOrCreate/arena",
  "/api//",
  "/%00",
  "/.env",
  "/metrics",
];
const BODIES = [
  "",
  "{",
  '{"__proto__":{"isAdmin":true}}',
  `{"a":"${"x".repeat(3000)}"}`,
  "[".repeat(2000),
  "\u0000",
  '{"offer":-1}',
];

/** One request that no honest program sends, as it goes over the wire. */
export function hostileRequest(random: SeededRandom, headers: Readonly<Record<string, string>>): string {
  const pick = (choices: readonly string[]) => choices[random.below(choices.length)] ?? "";
  const body = pick(BODIES);
  return [
    `${pick(METHODS)} ${pick(PATHS)} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}
