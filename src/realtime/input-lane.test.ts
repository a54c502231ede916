import { encode, schema, t } from "@colyseus/schema";
import { InputDecoder, InputEncoder } from "@colyseus/schema/input";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createInputForm, InputLane } from "./input-lane.ts";

const Everything = schema(
  {
    flag: t.boolean().default(false),
    small: t.int8().default(0),
    aim: t.uint16().default(7),
    far: t.int32(),
    huge: t.int64().default(0),
    single: t.float32().default(0),
    double: t.float64().default(0),
    any: t.number().default(0),
    word: t.string(),
    stick: t.quantized({ min: -1, max: 1, bits: 8 }),
    throttle: t.quantized({ min: 2, max: 3 }),
    yaw: t.angle(),
  },
  "LaneEverything",
);
const RELIABLE = 19;
const STAMPED = 0x80 | RELIABLE;
const ranges = { small: [-5, 5], double: [-1, 1], stick: [-0.3, 0.3], aim: [0, 100] } as const;

const inputs = fc.record(
  {
    flag: fc.boolean(),
    small: fc.integer({ min: -128, max: 127 }),
    aim: fc.nat(65_535),
    far: fc.integer(),
    huge: fc.maxSafeInteger(),
    single: fc.float({ noNaN: true, noDefaultInfinity: true }),
    double: fc.double({ noNaN: true, noDefaultInfinity: true }),
    any: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    word: fc.string({ unit: "grapheme", maxLength: 30 }),
    stick: fc.double({ min: -1, max: 1, noNaN: true }),
    throttle: fc.double({ min: 2, max: 3, noNaN: true }),
    yaw: fc.double({ min: 0, max: 6, noNaN: true }),
  },
  { requiredKeys: [] },
);
/** Zero has a sign for which no game cares. */
const unsigned = (value: unknown) => (value === 0 ? 0 : value);
const frameOf = (body: Uint8Array) => Buffer.concat([Buffer.of(RELIABLE), body]);

test("[GUARD9] I7: what a lane holds is what the engine's decoder makes of the same frames, brought into the ranges", () => {
  fc.assert(
    fc.property(fc.array(inputs, { minLength: 1, maxLength: 8 }), (sent) => {
      const encoder = new InputEncoder(new Everything());
      const decoder = new InputDecoder(new Everything());
      const lane = new InputLane(createInputForm(Everything, ranges), 64);
      for (const input of sent) {
        Object.assign(encoder.instance, input);
        const body = Buffer.from(encoder.encode());
        lane.receive(frameOf(body));
        const theirs = decoder.decode(body);
        const ours = lane.next() ?? {};
        for (const field of ["flag", "far", "huge", "single", "any", "word", "throttle", "yaw"] as const) {
          const blank = { far: 0, word: "", throttle: 2, yaw: 0 } as Record<string, unknown>;
          expect(unsigned(ours[field]), field).toEqual(unsigned(theirs[field] ?? blank[field]));
        }
        for (const [field, [least, most]] of Object.entries(ranges)) {
          const bounds = new Everything() as unknown as Record<string, number>;
          bounds[field] = Math.min(most, Math.max(least, (theirs as never)[field] ?? 0));
          expect(unsigned(ours[field]), field).toBe(unsigned(bounds[field]));
        }
      }
      expect(lane.ackSeq).toBe(sent.length);
    }),
  );
});

test("[GUARD9] a client that has sent nothing of a field holds its default, or its zero within the range", () => {
  const lane = new InputLane(createInputForm(Everything, {}), 4);
  lane.receive(frameOf(Uint8Array.of()));
  expect(lane.next()).toEqual({
    flag: false,
    small: 0,
    aim: 7,
    far: 0,
    huge: 0,
    single: 0,
    double: 0,
    any: 0,
    word: "",
    stick: 0,
    throttle: 2,
    yaw: 0,
    viewTick: 0,
  });
});

test("[GUARD9] when too many wait the oldest give way, and whatever is not played is acknowledged all the same", () => {
  const lane = new InputLane<{ far: number }>(createInputForm(Everything, {}), 4);
  const encoder = new InputEncoder(new Everything());
  for (let far = 1; far <= 6; far++) {
    encoder.instance.far = far;
    lane.receive(frameOf(encoder.encode()));
  }
  expect([lane.size, lane.ackSeq, lane.next()?.far]).toEqual([4, 2, 3]);
  lane.clear();
  expect([lane.size, lane.ackSeq, lane.next()]).toEqual([0, 6, undefined]);
});

test("[GUARD9] each input keeps the time at which its sender saw the others; stamps are differences", () => {
  const lane = new InputLane(createInputForm(Everything, {}), 8);
  const stamp = (delta: number) => {
    const bytes = Buffer.alloc(9);
    const at = { offset: 0 };
    encode.number(bytes, delta, at);
    return Buffer.concat([Buffer.of(STAMPED), bytes.subarray(0, at.offset)]);
  };
  for (const frame of [stamp(1000), stamp(50), frameOf(Uint8Array.of()), stamp(-20)]) lane.receive(frame);
  const seen = Array.from({ length: 4 }, () => {
    lane.next();
    return lane.renderTime;
  });
  expect(seen).toEqual([1000, 1050, 0, 1030]);
});
