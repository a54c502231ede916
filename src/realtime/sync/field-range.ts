/** What a field of the state can carry to the clients. */
export interface FieldRange<Value = number> {
  readonly kind: "number" | "bigint" | "string";
  /** For messages: "whole numbers from 0 to 255". */
  readonly words: string;
  /** The value as every client will read it, rounded as the wire rounds it; undefined when the field cannot carry it. */
  carry(value: Value): Value | undefined;
  /** The nearest value that the field can carry. */
  nearest(value: Value): Value;
}

export interface QuantizedRange {
  readonly min: number;
  readonly max: number;
  readonly span: number;
  readonly wrap: boolean;
}

/** The bounds of the whole numbers that fit 32 bits, of which games write most. */
export const wholeBounds: Readonly<Record<string, readonly [least: number, most: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
};

const FLOAT32_MAX = 3.4028234663852886e38;

/** What a field of this primitive type carries, or nothing for a type that carries all it is given. */
export function rangeOf(type: string): FieldRange | FieldRange<bigint> | FieldRange<string> | undefined {
  const bounds = wholeBounds[type];
  if (bounds !== undefined) return whole(...bounds);
  if (type === "int64") return whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (type === "uint64") return whole(0, Number.MAX_SAFE_INTEGER);
  if (type === "bigint64") return big(-(2n ** 63n), 2n ** 63n - 1n);
  if (type === "biguint64") return big(0n, 2n ** 64n - 1n);
  if (type === "float32") return real("float32", FLOAT32_MAX, Math.fround);
  if (type === "float64") return real("float64", Number.MAX_VALUE, (value) => value);
  if (type === "number") return real("number", Number.MAX_VALUE, asSelfDescribing);
  if (type === "string") return text;
  return undefined;
}

/**
 * The engine itself brings a quantized field to the wire's steps and into its range, for server and client alike. What is
 * more than half a step outside is a mistake of the game all the same. An angle wraps, so that it takes any finite number.
 */
export function quantizedRange({ min, max, span, wrap }: QuantizedRange): FieldRange {
  const slack = wrap ? Infinity : (max - min) / span / 2;
  const carries = (value: number) => Number.isFinite(value) && value >= min - slack && value <= max + slack;
  return {
    kind: "number",
    words: wrap ? "finite numbers" : `numbers from ${min} to ${max}`,
    carry: (value) => (carries(value) ? value : undefined),
    nearest: (value) => clamp(value, min, max),
  };
}

function whole(least: number, most: number): FieldRange {
  const carries = (value: number) => Number.isInteger(value) && value >= least && value <= most;
  return {
    kind: "number",
    words: `whole numbers from ${least} to ${most}`,
    carry: (value) => (carries(value) ? value : undefined),
    nearest: (value) => clamp(Math.trunc(value), least, most) + 0,
  };
}

function big(least: bigint, most: bigint): FieldRange<bigint> {
  return {
    kind: "bigint",
    words: `whole numbers from ${least} to ${most}`,
    carry: (value) => (value >= least && value <= most ? value : undefined),
    nearest: (value) => (value < least ? least : value > most ? most : value),
  };
}

function real(type: string, most: number, round: (value: number) => number): FieldRange {
  return {
    kind: "number",
    words: `finite numbers of ${type}`,
    carry: (value) => (Math.abs(value) <= most ? round(value) : undefined),
    nearest: (value) => round(clamp(value, -most, most)),
  };
}

/** A half of a surrogate pair makes the encoder swallow the character behind it. */
const text: FieldRange<string> = {
  kind: "string",
  words: "well-formed text",
  carry: (value) => (value.isWellFormed() ? value : undefined),
  nearest: (value) => value.toWellFormed(),
};

/** The engine writes a `number` as float32 where that loses less than 0.0001, and as float64 elsewhere. */
function asSelfDescribing(value: number): number {
  if (value === (value | 0) || Math.abs(value) > 3.4028235e38) return value;
  const rounded = Math.fround(value);
  return Math.abs(rounded - value) < 1e-4 ? rounded : value;
}

function clamp(value: number, least: number, most: number): number {
  if (Number.isNaN(value)) return least <= 0 && most >= 0 ? 0 : least;
  return value < least ? least : value > most ? most : value;
}
