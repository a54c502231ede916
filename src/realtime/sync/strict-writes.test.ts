import { Decoder, Encoder, Reflection, type SchemaType, schema, t } from "@colyseus/schema";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createWritePolicy, makeWritesStrict, StateWriteError } from "./strict-writes.ts";

const Part = schema({ small: t.uint8().default(0), connected: t.boolean().default(true) }, "Part");
const Whole = schema(
  {
    int8: t.int8().default(0),
    uint8: t.uint8().default(0),
    int16: t.int16().default(0),
    uint16: t.uint16().default(0),
    int32: t.int32().default(0),
    uint32: t.uint32().default(0),
    int64: t.int64().default(0),
    uint64: t.uint64().default(0),
    float32: t.float32().default(0),
    float64: t.float64().default(0),
    number: t.number().default(0),
    steps: t.quantized({ min: -32, max: 32, bits: 16 }).default(0),
    angle: t.angle(),
    big: t.bigint64().default(0n),
    word: t.string().default(""),
    part: Part,
    parts: t.map(Part),
    list: t.array("uint16"),
    table: t.map("int8"),
    set: t.set("uint8"),
    local: t.uint8().noSync().default(0),
  },
  "Whole",
);
type Whole = SchemaType<typeof Whole>;

const throwing = createWritePolicy({ isProduction: false } as never);
const clock = new TestClock();
const metrics = createMetrics();
const lines: string[] = [];
const log = createLog({ level: "info", destination: { write: (line: string) => void lines.push(line) } });
const clamping = createWritePolicy({ isProduction: true, clock, log, metrics });

function aWhole(policy = throwing): Whole {
  const whole = new Whole();
  makeWritesStrict(whole, policy);
  return whole;
}

/** What a client reads of the state. */
function decoded(whole: Whole): Whole {
  const encoder = new Encoder(whole);
  const copy = Reflection.decode(Reflection.encode(encoder));
  copy.decode(encoder.encodeAll());
  return copy.state as Whole;
}

const numeric = [
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float32",
  "float64",
  "number",
  "steps",
  "angle",
] as const;
const anyNumber = fc
  .oneof(
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(-1, 1.5, 70_000, 255.999, 2 ** 31, 2 ** 32, -(2 ** 31) - 1, 2 ** 53, 1e308, -1e308, 0.1, 1e-9),
    fc.constantFrom(Number.NaN, Infinity, -Infinity, 32.000001, -32.1, 3.4028235e38, 3.4028236e38),
  )
  // The wire knows no -0, and neither does arithmetic that compares.
  .map((value) => value + 0);

test("[GUARD8] S4 F19: whatever is written to a field, every client reads what the server holds", () => {
  let changed = 0;
  const counting = () => {
    changed += 1;
  };
  fc.assert(
    fc.property(fc.constantFrom(...numeric), anyNumber, (field, value) => {
      const whole = aWhole(counting);
      whole[field] = value;
      const held = whole[field] as number;
      expect(Number.isFinite(held)).toBe(true);
      expect((decoded(whole)[field] as number) + 0).toBe(held + 0);
    }),
    { numRuns: 800 },
  );
  expect(changed).toBeGreaterThan(50);
});

test("[GUARD8] S4 F19: the same holds for text and for collections of plain values", () => {
  const words = fc.string({ unit: "binary", maxLength: 10 });
  fc.assert(
    fc.property(words, fc.array(anyNumber, { maxLength: 5 }), fc.bigInt(), (word, numbers, big) => {
      const whole = aWhole(() => {});
      whole.word = word;
      whole.big = big;
      whole.list.push(...numbers);
      whole.list.unshift(...numbers);
      whole.list.splice(1, 0, ...numbers);
      for (const [index, value] of numbers.entries()) {
        whole.table.set(String(index), value);
        whole.set.add(value);
      }
      const copy = decoded(whole);
      expect(copy.word).toBe(whole.word);
      expect(copy.big).toBe(whole.big);
      expect([...copy.list]).toEqual([...whole.list]);
      expect(copy.table.toJSON()).toEqual(whole.table.toJSON());
      expect([...copy.set.values()]).toEqual([...whole.set.values()]);
    }),
    { numRuns: 200 },
  );
});

describe("[GUARD8] F19: in development a write that a field cannot carry throws, and names field, value and range:", () => {
  let whole = aWhole();
  beforeEach(() => {
    whole = aWhole();
  });
  test.each([
    ["uint16", 70_000, "Whole.uint16 cannot carry 70000: it takes whole numbers from 0 to 65535"],
    ["uint8", -1, "Whole.uint8 cannot carry -1: it takes whole numbers from 0 to 255"],
    ["int8", 1.5, "Whole.int8 cannot carry 1.5: it takes whole numbers from -128 to 127"],
    ["uint32", 2 ** 32, "Whole.uint32 cannot carry 4294967296: it takes whole numbers from 0 to 4294967295"],
    ["int32", Number.NaN, "Whole.int32 cannot carry NaN: it takes whole numbers from -2147483648 to 2147483647"],
    ["float32", 1e39, "Whole.float32 cannot carry 1e+39: it takes finite numbers of float32"],
    ["float64", Infinity, "Whole.float64 cannot carry Infinity: it takes finite numbers of float64"],
    ["steps", 32.1, "Whole.steps cannot carry 32.1: it takes numbers from -32 to 32"],
    ["angle", Number.NaN, "Whole.angle cannot carry NaN: it takes finite numbers"],
    ["word", "\ud800", "Whole.word cannot carry \ud800: it takes well-formed text"],
  ] as const)("%s = %s", (field, value, message) => {
    const fields = whole as unknown as Record<string, unknown>;
    const before = fields[field];
    expect(() => {
      fields[field] = value;
    }).toThrow(new StateWriteError(field, value, "").constructor as never);
    expect(() => {
      fields[field] = value;
    }).toThrow(message);
    expect(fields[field]).toBe(before);
  });

  test("in whatever the state holds, and in lists by index, in production too", () => {
    whole.part = new Part();
    whole.parts.set("a", new Part());
    expect(() => {
      (whole.parts.get("a") as SchemaType<typeof Part>).small = 256;
    }).toThrow("Part.small cannot carry 256");
    expect(() => whole.table.set("a", 128)).toThrow("MapSchema of int8 cannot carry 128");
    whole.list.push(1);
    makeWritesStrict(whole, clamping);
    expect(() => {
      whole.list[0] = 70_000;
    }).toThrow("ArraySchema of uint16 cannot carry 70000");
  });
});

test("[GUARD8] what a field can carry passes as before, and a field that is not synced takes anything", () => {
  const whole = aWhole();
  Object.assign(whole, {
    uint8: 255,
    int8: -128,
    uint32: 2 ** 32 - 1,
    steps: 32,
    float32: 0.1,
    local: 70_000,
    angle: 900,
  });
  expect(whole).toMatchObject({ uint8: 255, int8: -128, uint32: 2 ** 32 - 1, steps: 32, local: 70_000 });
  expect(whole.float32).toBe(Math.fround(0.1));
  expect(() => {
    whole.uint8 = "5" as never;
  }).toThrow(/'number' was expected/);
  whole.uint8 = undefined as never;
  expect(whole.uint8).toBeUndefined();
});

test("[GUARD8] what was written before the state was given to its room is looked at, too", () => {
  const Late = schema({ many: t.uint8().default(0), parts: t.map(Part) }, "Late");
  const late = new Late();
  late.many = 300;
  expect(() => makeWritesStrict(late, throwing)).toThrow("Late.many cannot carry 300");
});

test("[GUARD8] a subclass of what a collection holds is as strict as its base", () => {
  const Special = Part.extend({ extra: t.uint8().default(0) }, "Special");
  const Holder = schema({ parts: t.map(Part) }, "Holder");
  const holder = new Holder();
  makeWritesStrict(holder, throwing);
  const special = new Special();
  holder.parts.set("a", special as never);
  for (const field of ["small", "extra"] as const) {
    expect(() => {
      special[field] = 256;
    }).toThrow(`Special.${field} cannot carry 256`);
  }
});

test("[GUARD8] F19: production writes the nearest value, counts each, and logs a field once a minute", async () => {
  const whole = aWhole(clamping);
  lines.length = 0;
  whole.uint16 = 70_000;
  whole.uint16 = -1;
  whole.int8 = Number.NaN;
  expect(whole).toMatchObject({ uint16: 0, int8: 0 });
  expect(lines.filter((line) => line.includes("state.write_clamped"))).toHaveLength(2);
  clock.advance(60_000);
  whole.uint16 = 70_000;
  expect(whole.uint16).toBe(65_535);
  expect(lines).toHaveLength(3);
  const page = await metrics.registry.metrics();
  expect(page).toContain('umpire_writes_clamped_total{field="Whole.uint16"} 3');
});

test("[GUARD8] a decoder of the same classes is not in the way of anybody", () => {
  const whole = aWhole();
  whole.uint8 = 7;
  const encoder = new Encoder(whole);
  const copy = new Decoder(new Whole());
  copy.decode(encoder.encodeAll());
  expect(copy.state.uint8).toBe(7);
});
