import { createHash } from "node:crypto";
import { once } from "node:events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { until } from "../../testing/app.ts";
import { aTrunkPair, type TrunkPair } from "../../testing/trunk-pair.ts";
import type { ChannelBreak, TrunkChannel } from "./trunk-channel.ts";
import {
  DATA_BYTES_MAX,
  type Frame,
  FrameReader,
  frameKinds,
  HEADER_BYTES,
  OPEN_BYTES_MAX,
  TrunkGarbage,
  writeHeader,
} from "./trunk-frames.ts";
import { ENTRANCE_WINDOWS, OWNER_WINDOWS } from "./trunk-opening.ts";

type Written = Omit<Frame, "payload"> & { readonly payload: Uint8Array };

function frameOf({ kind, stream, payload }: Written): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, { kind, stream, length: payload.length });
  frame.set(payload, HEADER_BYTES);
  return frame;
}

const streams = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const bytes = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: most, size: "max" });
const frames: fc.Arbitrary<Written> = fc.oneof(
  fc.record({ kind: fc.constant(frameKinds.open), stream: streams, payload: bytes(1, OPEN_BYTES_MAX) }),
  fc.record({ kind: fc.constant(frameKinds.data), stream: streams, payload: bytes(1, DATA_BYTES_MAX) }),
  fc.record({ kind: fc.constantFrom(frameKinds.end, frameKinds.break), stream: streams, payload: bytes(0, 0) }),
  fc.record({ kind: fc.constant(frameKinds.credit), stream: streams, payload: bytes(4, 4) }),
  fc.record({ kind: fc.constant(frameKinds.beat), stream: fc.constant(0), payload: bytes(0, 0) }),
);

/** Reads pieces as a socket does: each is overwritten as soon as it has been read. */
function readAll(pieces: readonly Buffer[]): Written[] {
  const heard: Written[] = [];
  const reader = new FrameReader(({ kind, stream, payload }) => {
    heard.push({ kind, stream, payload: Uint8Array.from(payload) });
    return true;
  });
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    reader.read(lent);
    lent.fill(0xee);
  }
  return heard;
}

test("[TRUNK2] however the bytes are cut in pieces, the frames are the same", () => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
      const all = Buffer.concat(sent.map(frameOf));
      const at = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].toSorted((a, b) => a - b);
      const pieces = at.slice(1).map((end, index) => all.subarray(at[index], end));
      expect(readAll(pieces)).toEqual(sent);
    }),
    { numRuns: 60 },
  );
});

test("[TRUNK2] what is no frame, or too long for its kind, is refused by its header, and not collected", () => {
  const headerOf = (kind: number, stream: number, length: number) => {
    const header = Buffer.alloc(HEADER_BYTES);
    writeHeader(header, 0, { kind: kind as Frame["kind"], stream, length });
    return header;
  };
  const bad = [
    headerOf(0, 1, 0),
    headerOf(7, 1, 0),
    headerOf(255, 1, 4),
    headerOf(frameKinds.open, 1, 0),
    headerOf(frameKinds.open, 1, OPEN_BYTES_MAX + 1),
    headerOf(frameKinds.data, 1, 0),
    headerOf(frameKinds.data, 1, DATA_BYTES_MAX + 1),
    headerOf(frameKinds.data, 0, 1),
    headerOf(frameKinds.end, 1, 1),
    headerOf(frameKinds.break, 1, 1),
    headerOf(frameKinds.credit, 1, 3),
    headerOf(frameKinds.beat, 1, 0),
    Buffer.from("GET / HTTP/1.1\r\n"),
  ];
  for (const garbage of bad) expect(() => readAll([garbage])).toThrow(TrunkGarbage);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (pieces) => {
      try {
        readAll(pieces.map((piece) => Buffer.from(piece)));
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(TrunkGarbage);
      }
    }),
  );
});

/** What a stream's end at the entrance has heard. */
function listen(channel: TrunkChannel) {
  const heard = { bytes: 0, isEnded: false, broken: null as ChannelBreak | null, sha1: createHash("sha1") };
  channel.ear = {
    data(lent) {
      heard.bytes += lent.length;
      heard.sha1.update(lent);
      channel.waits(0);
    },
    end() {
      heard.isEnded = true;
    },
    room() {},
    broken(how) {
      heard.broken = how;
    },
  };
  return heard;
}

const broken = ({ near, far }: TrunkPair) => [near.broke(), far.broke()];

test.each([
  ["more than the credit", frameKinds.data, Buffer.alloc(DATA_BYTES_MAX), 5],
  ["a credit for what was never sent", frameKinds.credit, Buffer.from([1, 0, 0, 0]), 1],
  ["a second end", frameKinds.end, Buffer.alloc(0), 2],
  ["a second stream of the same number", frameKinds.open, Buffer.from("x"), 1],
] as const)("[TRUNK2] %s breaks the trunk, and nothing else", async (_what, kind, payload, times) => {
  const [pair, other] = [await aTrunkPair(), await aTrunkPair()];
  const [{ channel, stream }, untouched] = [await pair.open(), await other.open()];
  const heard = listen(channel);
  stream.pause();
  for (let count = 0; count < times; count++) {
    pair.near.socket.write(frameOf({ kind, stream: channel.number, payload }));
  }
  await until(() => pair.near.broke());
  expect(broken(pair)).toEqual(["lost", "garbage"]);
  expect(heard.broken).toBe("lost");
  await until(() => stream.destroyed);
  expect(broken(other)).toEqual([null, null]);
  expect(untouched.stream.destroyed).toBe(false);
});

test("[TRUNK2] what still comes for a stream that has ended is nobody's", async () => {
  const pair = await aTrunkPair();
  const [gone, other] = [await pair.open(), await pair.open()];
  gone.stream.write("under way");
  gone.channel.break();
  gone.channel.send(Buffer.from("too late"));
  await once(gone.stream, "close");
  const heard = listen(other.channel);
  other.stream.write("well");
  await until(() => heard.bytes === 4);
  expect(broken(pair)).toEqual([null, null]);
});

test("[TRUNK3] what is sent to all players of a process in one turn goes out in one piece, and so does what they send", async () => {
  const pair = await aTrunkPair();
  const opened: Awaited<ReturnType<TrunkPair["open"]>>[] = [];
  for (let count = 0; count < 100; count++) opened.push(await pair.open());
  const heard = opened.map(({ channel }) => listen(channel));
  const said = opened.map(({ stream }) => {
    const got: string[] = [];
    stream.on("data", (bytes: Buffer) => got.push(bytes.toString()));
    return got;
  });
  const [nearReads, farReads] = [pair.near.reads(), pair.far.reads()];
  for (const [index, { stream }] of opened.entries()) {
    stream.write(Buffer.alloc(200, index));
    stream.write(Buffer.alloc(100, index));
    // It was taken at once: nothing waits, so nobody is taken for somebody who does not read.
    expect(stream.writableLength).toBe(0);
  }
  await until(() => heard.every((each) => each.bytes === 300));
  expect(pair.near.reads() - nearReads).toBe(1);
  for (const [index, { channel }] of opened.entries()) channel.send(Buffer.from(`input ${index}`));
  await until(() => said.every((got, index) => got.join("") === `input ${index}`));
  expect(pair.far.reads() - farReads).toBe(1);
  for (const [index, { sha1 }] of heard.entries()) {
    expect(sha1.digest("hex")).toBe(createHash("sha1").update(Buffer.alloc(300, index)).digest("hex"));
  }
});

test("[TRUNK4] T14: a stream whose reader stops holds up nobody else on the trunk, and no more than its credit waits for it", async () => {
  const pair = await aTrunkPair();
  const [slow, quick] = [await pair.open(), await pair.open()];
  let kept = 0;
  slow.channel.ear = {
    ...slow.channel.ear,
    data(lent) {
      kept += lent.length;
    },
  };
  slow.stream.write(Buffer.alloc(2 * OWNER_WINDOWS.send));
  const heard = listen(quick.channel);
  const sent = createHash("sha1");
  for (let count = 0; count < 200; count++) {
    const chunk = Buffer.alloc(50_000, `${count}`);
    sent.update(chunk);
    if (!quick.stream.write(chunk)) await once(quick.stream, "drain");
  }
  await until(() => heard.bytes === 200 * 50_000);
  expect(heard.sha1.digest("hex")).toBe(sent.digest("hex"));
  expect(kept).toBe(ENTRANCE_WINDOWS.take);
  // What waits is seen where it is written.
  expect(slow.stream.writableLength).toBe(2 * OWNER_WINDOWS.send);
  slow.channel.waits(0);
  await until(() => kept === 2 * OWNER_WINDOWS.send);
  expect(slow.stream.writableLength).toBe(0);
});

test("[TRUNK4] T14: a room that does not read stops the player, however often it begins and stops again, and loses nothing", async () => {
  const pair = await aTrunkPair();
  const [slow, other] = [await pair.open(), await pair.open()];
  const total = 40 * OWNER_WINDOWS.take;
  const all = Buffer.alloc(total, "a player who says far too much. ");
  let sent = slow.channel.send(all);
  slow.channel.ear = {
    ...slow.channel.ear,
    room() {
      sent += slow.channel.send(all.subarray(sent));
    },
  };
  expect(sent).toBe(OWNER_WINDOWS.take);
  slow.stream.pause();
  await until(() => slow.stream.readableLength === OWNER_WINDOWS.take);
  const got = createHash("sha1");
  let read = 0;
  slow.stream.on("data", (bytes: Buffer) => {
    read += bytes.length;
    got.update(bytes);
    expect(slow.stream.readableLength).toBeLessThanOrEqual(OWNER_WINDOWS.take);
    slow.stream.pause();
    setImmediate(() => slow.stream.resume());
  });
  slow.stream.resume();
  const said = once(other.stream, "data");
  other.channel.send(Buffer.from("heard"));
  expect(String((await said)[0])).toBe("heard");
  await until(() => read === total);
  expect(got.digest("hex")).toBe(createHash("sha1").update(all).digest("hex"));
});

test("[TRUNK4] a network that takes nothing makes the streams wait, and not the memory grow", async () => {
  const pair = await aTrunkPair();
  const opened: Awaited<ReturnType<TrunkPair["open"]>>[] = [];
  for (let count = 0; count < 100; count++) opened.push(await pair.open());
  const heard = opened.map(({ channel }) => listen(channel));
  pair.near.socket.pause();
  for (const { stream } of opened) stream.write(Buffer.alloc(OWNER_WINDOWS.send));
  const waiting = () => opened.filter(({ stream }) => stream.writableLength > 0).length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(waiting()).toBeGreaterThan(10);
  expect(pair.far.socket.writableLength).toBeLessThan(2 * 2 ** 20);
  pair.near.socket.resume();
  await until(() => heard.every((each) => each.bytes === OWNER_WINDOWS.send));
  expect(waiting()).toBe(0);
});

/** Lets time pass, and what was said arrive. */
async function beats(clock: TestClock, count: number): Promise<void> {
  for (let beat = 0; beat < count; beat++) {
    clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("[TRUNK5] T12: a trunk on which nothing is heard for two and a half seconds breaks with its streams, at each end by itself", async () => {
  const clock = new TestClock();
  const [pair, other] = [await aTrunkPair(clock), await aTrunkPair(clock)];
  const [{ channel, stream }, untouched] = [await pair.open(), await other.open()];
  const heard = listen(channel);
  // Where something is said, be it nothing, all is well.
  await beats(clock, 30);
  expect(broken(pair)).toEqual([null, null]);
  for (const { socket } of [pair.near, pair.far]) socket.pause();
  await beats(clock, 4);
  expect([...broken(pair), pair.near.trunk.isDoubtful]).toEqual([null, null, true]);
  await beats(clock, 2);
  expect(broken(pair)).toEqual(["silent", "silent"]);
  expect(heard.broken).toBe("silent");
  await until(() => stream.destroyed);
  expect(broken(other)).toEqual([null, null]);
  expect([untouched.stream.destroyed, other.near.trunk.isDoubtful]).toEqual([false, false]);
});

test("[TRUNK5] a trunk without streams ends after ten seconds, and one with a silent player does not", async () => {
  const clock = new TestClock();
  const [idle, used] = [await aTrunkPair(clock), await aTrunkPair(clock)];
  const { channel, stream } = await idle.open();
  await used.open();
  channel.break();
  await once(stream, "close");
  await beats(clock, 19);
  expect(broken(idle)).toEqual([null, null]);
  await beats(clock, 5);
  expect([broken(idle), broken(used)]).toEqual([
    ["idle", "lost"],
    [null, null],
  ]);
});
