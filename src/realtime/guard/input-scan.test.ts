import { encode, schema, t } from "@colyseus/schema";
import { InputDecoder, InputEncoder } from "@colyseus/schema/input";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createInputScan } from "./input-scan.ts";

/** One field of every kind that an input may have. */
const Everything = schema(
  {
    flag: t.boolean().default(false),
    small: t.int8().default(0),
    buttons: t.uint8().default(0),
    wide: t.int16().default(0),
    aim: t.uint16().default(0),
    far: t.int32().default(0),
    stamp: t.uint32().default(0),
    huge: t.int64().default(0),
    single: t.float32().default(0),
    double: t.float64().default(0),
    any: t.number().default(0),
    word: t.string().default(""),
    stick: t.quantized({ min: -1, max: 1, bits: 8 }).default(0),
    yaw: t.angle(),
  },
  "Everything",
);
const RELIABLE = 19;
const STAMPED = 0x80 | RELIABLE;
const scan = createInputScan(Everything);
const frameOf = (body: Uint8Array) => Buffer.concat([Buffer.of(RELIABLE), body]);

function stamped(delta: number, body: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.alloc(9);
  const iterator = { offset: 0 };
  encode.number(bytes, delta, iterator);
  return Buffer.concat([Buffer.of(STAMPED), bytes.subarray(0, iterator.offset), body]);
}

const inputs = fc.record({
  flag: fc.boolean(),
  small: fc.integer({ min: -128, max: 127 }),
  buttons: fc.nat(255),
  wide: fc.integer({ min: -32_768, max: 32_767 }),
  aim: fc.nat(65_535),
  far: fc.integer(),
  stamp: fc.nat(),
  huge: fc.maxSafeInteger(),
  single: fc.float({ noNaN: true, noDefaultInfinity: true }),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  any: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
  word: fc.string({ unit: "grapheme", maxLength: 30 }).filter((word) => !word.includes("\0")),
  stick: fc.double({ min: -1, max: 1, noNaN: true }),
  yaw: fc.double({ min: 0, max: 6, noNaN: true }),
});

test("[GUARD3] every input that a client's encoder writes is sound, and is not changed", () => {
  const encoder = new InputEncoder(new Everything());
  fc.assert(
    fc.property(inputs, fc.nat(2 ** 32 - 1), (input, stamp) => {
      Object.assign(encoder.instance, input);
      const body = Buffer.from(encoder.encode());
      for (const frame of [frameOf(body), stamped(stamp, body)]) {
        const before = Buffer.from(frame);
        expect(scan.isSound(frame, 0)).toBe(true);
        expect(frame.equals(before)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

test("[GUARD3] S4: whatever passes is decoded without complaint, to the end, and to numbers that are numbers", () => {
  const decoder = new InputDecoder(new Everything());
  const complaints: unknown[] = [];
  const { warn, error } = console;
  console.warn = (...words: unknown[]) => void complaints.push(words);
  console.error = console.warn;
  const operation = fc.tuple(fc.constantFrom(0, 64, 128, 192), fc.nat(16)).map(([kind, index]) => kind | index);
  const bytes = fc.array(fc.oneof(operation, fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0xff, 0xca, 0xce, 0xa1)), {
    maxLength: 24,
  });
  let passed = 0;
  try {
    fc.assert(
      fc.property(bytes, (body) => {
        const frame = frameOf(Uint8Array.from(body));
        if (!scan.isSound(frame, 0)) return;
        passed += 1;
        const {
          flag: _flag,
          word,
          huge: _huge,
          ...numbers
        } = decoder.decode(frame.subarray(1)).toJSON() as never as {
          word: string;
          flag: unknown;
          huge: unknown;
        };
        expect(word.isWellFormed()).toBe(true);
        for (const value of Object.values(numbers)) expect(Number.isFinite(value)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  } finally {
    Object.assign(console, { warn, error });
  }
  expect(complaints).toEqual([]);
  expect(passed).toBeGreaterThan(100);
});

test("[GUARD3] S4: a number that is none is set to zero where it stands", () => {
  const decoder = new InputDecoder(new Everything());
  for (const bytes of [
    [128 | 8, 0, 0, 0xc0, 0x7f],
    [128 | 8, 0, 0, 0x80, 0xff],
    [128 | 9, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
    [128 | 10, 0xca, 0, 0, 0xc0, 0x7f],
    [128 | 10, 0xcb, 0, 0, 0, 0, 0, 0, 0xf0, 0xff],
  ]) {
    Object.assign(decoder.instance, { single: 5, double: 5, any: 5 });
    const frame = frameOf(Uint8Array.from(bytes));
    expect(scan.isSound(frame, 0)).toBe(true);
    decoder.decode(frame.subarray(1));
    const { single, double, any } = decoder.instance;
    expect([single, double, any].sort()).toEqual([0, 5, 5]);
  }
});

test.each([
  ["a field that there is not", [128 | 20, 1]],
  ["a value cut off", [128 | 5, 1, 2]],
  ["a field without its value", [128 | 1]],
  ["a field taken away", [64 | 1]],
  ["a switch to another structure", [255, 0, 128 | 1, 5]],
  ["a text of 255 bytes that are not there", [128 | 11, 0xd9, 0xff, 1]],
  ["a text of 2^32 bytes", [128 | 11, 0xdb, 0xff, 0xff, 0xff, 0xff]],
  ["a text that is not UTF-8", [128 | 11, 0xa1, 0xff]],
  ["a number of no known kind", [128 | 10, 0xc1]],
  ["the same field over and over", Array.from({ length: 20 }, () => [128 | 1, 1]).flat()],
])("[GUARD3] S4: %s is not sound", (_name, body) => {
  expect(scan.isSound(frameOf(Uint8Array.from(body)), 0)).toBe(false);
});

test("[GUARD3] S36: a stamp is a whole number of ms since the room began, whatever it is counted from", () => {
  expect(scan.isSound(stamped(50), 1000)).toBe(true);
  expect(scan.isSound(stamped(-50), 1000)).toBe(true);
  expect(scan.isSound(stamped(2 ** 32 - 1), 0)).toBe(true);
  for (const [delta, last] of [
    [2 ** 32, 0],
    [-1001, 1000],
    [0.5, 1000],
  ] as const) {
    expect(scan.isSound(stamped(delta), last)).toBe(false);
  }
  expect(scan.isSound(Buffer.of(STAMPED, 0xcb, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f), 0)).toBe(false);
  expect(scan.isSound(Buffer.of(STAMPED, 0xce, 0xff), 0)).toBe(false);
  expect(scan.isSound(Buffer.of(STAMPED), 0)).toBe(false);
  expect(scan.isSound(Buffer.of(0x40 | RELIABLE), 0)).toBe(false);
});

test("[GUARD3] an input of lists or of other classes is refused when the room is made", () => {
  expect(() => createInputScan(schema({ list: t.array("uint8") }, "Listed"))).toThrow(/list/);
});
