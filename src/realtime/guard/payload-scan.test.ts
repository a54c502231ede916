import fc from "fast-check";
import { Packr, unpack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { DEPTH_MAX, KEYS_MAX, PayloadScan, SHAPES_MAX, TEXT_BYTES_MAX } from "./payload-scan.ts";

const scan = new PayloadScan();
/** As the SDK packs, with objects of one kind sharing their keys, and as clients in other languages do. */
const encoders = [new Packr(), new Packr({ useRecords: false })];

const flawOf = (bytes: Uint8Array) => scan.flawOf(bytes, 0);
const packed = (value: unknown) => Buffer.from(encoders[0]?.pack(value) ?? []);
const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Whether a decoded value is JSON through and through, with the plain prototypes. */
function isJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0");
  if (value === null || typeof value === "boolean") return true;
  if (Array.isArray(value)) return value.every(isJson);
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(value).every(isJson) && !Object.hasOwn(value, "constructor");
}

const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
const key = text.filter((value) => !["__proto__", "constructor", "prototype"].includes(value));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(key, tie("value"), { maxKeys: 6, noNullPrototype: true }),
  ),
})).value;

test("[GUARD1] S3: whatever JSON an encoder writes passes and decodes to itself", () => {
  fc.assert(
    fc.property(json, (value) => {
      for (const encoder of encoders) {
        const bytes = Buffer.from(encoder.pack(value));
        if (flawOf(bytes) === "too long") return;
        expect(flawOf(bytes)).toBeUndefined();
        expect(JSON.stringify(unpack(bytes))).toBe(JSON.stringify(value));
      }
    }),
    { numRuns: 500 },
  );
});

describe("[GUARD1] S1 S3: whatever passes is decoded by the engine's decoder to JSON and nothing else:", () => {
  const passesAsJson = (bytes: Uint8Array) => {
    if (flawOf(bytes) === undefined) expect(isJson(unpack(Buffer.from(bytes)))).toBe(true);
  };

  test("any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), passesAsJson), { numRuns: 5000 });
  });

  test("bytes that begin like objects, lists, text and extensions", () => {
    const lead = fc.constantFrom(0x40, 0x81, 0x92, 0xa3, 0xca, 0xcb, 0xc4, 0xc7, 0xd4, 0xd5, 0xd6, 0xd9, 0xdc, 0xde);
    const token = fc.oneof(lead, fc.constantFrom(0x00, 0x40, 0x61, 0x72, 0x90, 0x91, 0xa0, 0xa1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 24 }), (tokens) => passesAsJson(Uint8Array.from(tokens))),
      { numRuns: 10_000 },
    );
  });

  test("a message with a few bytes changed, cut off or added", () => {
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(json, changes, fc.integer({ min: -3, max: 3 }), (value, changed, longer) => {
        const bytes = Buffer.concat([packed(value), Buffer.alloc(3)]);
        for (const [at, byte] of changed) bytes[at % bytes.length] = byte;
        passesAsJson(bytes.subarray(0, bytes.length - 3 + longer));
      }),
      { numRuns: 3000 },
    );
  });
});

test.each([
  ["S2: a list that contains itself", "d6 69 00000001 91 d6 70 00000001"],
  ["a regular expression", "d4 78 92 a1 78 a1 67"],
  ["an error named constructor", "d4 65 92 ab 636f6e7374727563746f72 a1 78"],
  ["a set", "d4 73 91 01"],
  ["a big BigInt", "c7 09 42 010203040506070809"],
  ["a typed array", "c7 03 74 03 0102"],
  ["bundled strings", "d6 62 00000001 a1 61"],
  ["an unknown extension", "d4 05 00"],
  ["a two-byte record", "d5 72 40 00 91 a1 61 01"],
  ["a record with keys that are no list", "d4 72 40 a1 61"],
  ["a list of 2^32 - 1", "dd ff ff ff ff"],
  ["an object of 2^32 - 1", "df ff ff ff ff"],
  ["a text of 2^32 - 1 bytes", "db ff ff ff ff"],
  ["a list of 65535", "dc ff ff 01"],
  ["a record of 65535 keys", "d4 72 40 dc ff ff"],
  ["a value and a byte more", "01 02"],
  ["a list cut off", "92 01"],
  ["a length cut off", "da 01"],
  ["nothing", ""],
  ["the byte that msgpack never uses", "c1"],
])("[GUARD2] %s is what no client's encoder writes", (_name, hex) => {
  expect(flawOf(bytesOf(hex))).toBe("broken");
});

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
const keyed = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));

test.each([
  ["undefined", packed({ a: undefined }), "not JSON"],
  ["a Date", packed(new Date(5)), "not JSON"],
  ["a BigInt", packed(5n), "not JSON"],
  ["bytes", packed(new Uint8Array(3)), "not JSON"],
  ["NaN", packed([Number.NaN]), "not JSON"],
  ["infinity", packed([Infinity]), "not JSON"],
  ["a float32 NaN", bytesOf("ca 7fc00000"), "not JSON"],
  ["-0", bytesOf("cb 8000000000000000"), "not JSON"],
  ["a lone surrogate", packed("\ud800"), "not JSON"],
  ["overlong UTF-8", bytesOf("a2 c080"), "not JSON"],
  ["NUL", packed("a\0b"), "not JSON"],
  ["a Map with numbers as keys", packed(new Map([[1, 2]])), "bad key"],
  ["__proto__ as a key", packed(JSON.parse('{"__proto__":{"isAdmin":true}}')), "bad key"],
  ["__proto__ as a key of a map", bytesOf("81 a9 5f5f70726f746f5f5f 80"), "bad key"],
  ["constructor as a key", packed([{ constructor: { prototype: 1 } }]), "bad key"],
  ["a key twice", bytesOf("82 a1 61 01 a1 61 02"), "bad key"],
  ["a key twice in a record", bytesOf("d4 72 40 92 a1 61 a1 61 01 02"), "bad key"],
  ["lists too deep", packed(nested(DEPTH_MAX + 1)), "too deep"],
  ["3000 lists in one another", Buffer.concat([Buffer.alloc(3000, 0x91), Buffer.of(1)]), "too deep"],
  ["a long text", packed("x".repeat(TEXT_BYTES_MAX + 1)), "too long"],
  ["an object of many keys", packed(keyed(KEYS_MAX + 1)), "too long"],
  [
    "many kinds of object",
    packed(Array.from({ length: SHAPES_MAX + 1 }, (_, index) => ({ [`k${index}`]: 1 }))),
    "too long",
  ],
])("[GUARD1] S3 S22: %s is refused", (_name, bytes, flaw) => {
  expect(flawOf(bytes)).toBe(flaw);
});

test("[GUARD1] what is just within the limits passes", () => {
  const shapes = Array.from({ length: SHAPES_MAX }, (_, index) => ({ [`k${index}`]: 1 }));
  for (const value of [nested(DEPTH_MAX), "x".repeat(TEXT_BYTES_MAX), keyed(KEYS_MAX), shapes, 1e308, {}, []]) {
    expect(flawOf(packed(value))).toBeUndefined();
  }
});
