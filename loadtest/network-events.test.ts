import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { TIMED } from "../src/testing/timed.ts";
import { createTimetable } from "./network-events.ts";
import type { NetworkEvent, NetworkProfile } from "./network-profile.ts";
import { networkProfile, networkProfiles } from "./network-profile.ts";
import { parseNetworkProfile } from "./network-profile-text.ts";
import {
  aProfile,
  cleanUp,
  closeReason,
  connectTo,
  dial,
  fasterClock,
  pingTimesMs,
  startShaped,
  startTarget,
  until,
} from "./network-rig.ts";
import { retryMs, scheduleHash } from "./network-schedule.ts";

afterEach(cleanUp);

test(
  "[NET13] in a blackhole nothing passes, connections stay, those opened meanwhile wait, and senders try again ever more rarely",
  TIMED,
  async () => {
    const target = await startTarget({ echo: true });
    const profile = aProfile({ latencyMs: 10 });
    const network = await startShaped({ target, profile, seed: 13 });
    const { client } = await dial(network, target);
    await pingTimesMs(client, 1);
    const startMs = performance.now();
    network.blackhole(300);
    const other = await connectTo(network);
    const answers = [client, other].map(async (socket) => {
      socket.write("x");
      await once(socket, "data");
      return performance.now() - startMs;
    });
    const [stayedMs = 0, openedMs = 0] = await Promise.all(answers);
    // A timeout of 220 ms, and then of 440: the first try after the outage is at 660 ms, and an answer takes two latencies.
    expect(retryMs(profile, 0, 300)).toBe(660);
    expect(stayedMs).toBeGreaterThanOrEqual(660 + 10);
    expect(openedMs).toBeGreaterThanOrEqual(660 + 10);
    expect(client.closed).toBe(false);
    // The control: what is sent after the outage is over waits for nothing.
    expect((await pingTimesMs(client, 1))[0]).toBeLessThan(300);
  },
);

test(
  "[NET13] a line that had nothing to send in a blackhole goes on at once, and overlapping ones end with the last",
  TIMED,
  async () => {
    const target = await startTarget({ echo: true });
    const network = await startShaped({ target, profile: "none", seed: 13 });
    const { client } = await dial(network, target);
    const startMs = performance.now();
    network.blackhole(150);
    network.blackhole(1);
    client.write("x");
    await once(client, "data");
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(150);
    network.blackhole(1);
    await until(() => performance.now() > startMs + 400);
    expect((await pingTimesMs(client, 1))[0]).toBeLessThan(150);
    expect(() => network.blackhole(Number.POSITIVE_INFINITY)).toThrow(RangeError);
  },
);

test("[NET13] T13: after a rebinding the client is reset a round trip after it sends, the server hears nothing, a new connection works", async () => {
  const target = await startTarget();
  const network = await startShaped({ target, profile: aProfile({ latencyMs: 20 }), seed: 13 });
  const { client, server } = await dial(network, target);
  let heard = 0;
  server.on("data", (bytes: Buffer) => (heard += bytes.length));
  client.on("data", (bytes: Buffer) => (heard += bytes.length));
  client.write("under way");
  await until(() => network.statistics().up.bytesIn === 9);
  network.rebind();
  server.write("vanishes");
  await until(() => network.statistics().up.bytesWaiting === 0);
  expect(client.closed).toBe(false);
  const sentMs = performance.now();
  client.write("hello?");
  expect(await closeReason(client)).toBe("ECONNRESET");
  expect(performance.now() - sentMs).toBeGreaterThanOrEqual(40);
  const fresh = await dial(network, target);
  fresh.client.write("new");
  await once(fresh.server, "data");
  expect(server.closed).toBe(false);
  expect(heard).toBe(0);
  // Half-open until the server gives it up; then nothing of it is left.
  server.destroy();
  await until(() => network.statistics().connectionsOpen === 1);
});

test("[NET13] T13: with silence not even a reset comes, and each end closes for itself", async () => {
  const target = await startTarget();
  const network = await startShaped({ target, profile: "none", seed: 13 });
  const [lost, kept] = [await dial(network, target), await dial(network, target)];
  network.rebind({ answer: "silence", connection: 0 });
  lost.client.write("hello?");
  kept.client.write("hello!");
  await once(kept.server, "data");
  expect(lost.client.closed).toBe(false);
  lost.client.end();
  await until(() => lost.client.closed);
  expect(lost.server.closed).toBe(false);
  lost.server.resetAndDestroy();
  await until(() => network.statistics().connectionsOpen === 1);
  expect(kept.client.closed).toBe(false);
});

test("[NET13] T13: a handover kills every connection without a word, lets nothing pass for a while, and then has the other profile", async () => {
  const target = await startTarget({ echo: true });
  const network = await startShaped({ target, profile: "none", seed: 13 });
  const { client: old, server: oldServer } = await dial(network, target);
  await pingTimesMs(old, 1);
  const startMs = performance.now();
  network.handover(100, aProfile({ latencyMs: 30 }));
  let answered = false;
  old.on("data", () => (answered = true));
  old.write("x");
  const fresh = await connectTo(network);
  await pingTimesMs(fresh, 1);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(100 + 2 * 30);
  for (const roundTripMs of await pingTimesMs(fresh, 2)) expect(roundTripMs).toBeGreaterThanOrEqual(60);
  expect([answered, old.closed, oldServer.closed]).toEqual([false, false, false]);
  // What was never dialled has no other end to wait for.
  const undialled = await connectTo(network);
  await until(() => network.statistics().connectionsOpened === 3);
  network.rebind({ answer: "silence", connection: 2 });
  undialled.destroy();
  await until(() => network.statistics().connectionsOpen === 2);
});

test("[NET13] a profile's events come by themselves, as the timetable of the seed says, and go on with the profile handed over to", async () => {
  const target = await startTarget({ echo: true });
  const to = aProfile({ latencyMs: 5, events: [{ kind: "rebinding", everyS: 2, answer: "reset" }] });
  const events: NetworkEvent[] = [
    { kind: "blackhole", everyS: 2, lastsMs: [10, 500] },
    { kind: "handover", everyS: 8, lastsMs: [100, 200], to },
  ];
  const profile = aProfile({ events });
  const seed = 4;
  const network = await startShaped({ target, profile, seed, clock: fasterClock(20) });
  const expected = createTimetable(profile, seed);
  const counts = { blackhole: 0, rebinding: 0, handover: 0 };
  const total = () => Object.values(network.statistics().events).reduce((sum, count) => sum + count, 0);
  for (let count = 1; count <= 12; count++) {
    const kind = expected.upcoming()?.event.kind;
    if (kind !== undefined) counts[kind] += 1;
    expected.take();
  }
  await until(() => total() >= 12);
  // The thirteenth may have come as well by the time of looking, though seconds of the line lie between them.
  if (total() === 12) expect(network.statistics().events).toEqual(counts);
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
});

test("[NET3] what happens on a line is drawn from its seed, and is part of the fingerprint", () => {
  const base = { profile: "train" as const, seed: 42, segments: 100, seconds: 600 };
  expect(scheduleHash(base)).toBe(scheduleHash(base));
  const others = [{ seconds: 0 }, { seconds: 300 }, { seed: 43 }, { profile: "4g" as const }];
  const hashes = others.map((change) => scheduleHash({ ...base, ...change }));
  expect(new Set([scheduleHash(base), ...hashes]).size).toBe(5);
  const longer = {
    ...networkProfiles.train,
    events: [{ kind: "blackhole", everyS: 40, lastsMs: [800, 4001] }] as const,
  };
  expect(scheduleHash({ ...base, profile: longer })).not.toBe(scheduleHash(base));
  // A fixed value, as in the test of segments.
  expect(scheduleHash(base)).toBe("cd36345c");
  expect(scheduleHash({ ...base, profile: "fibre" })).toBe(scheduleHash({ ...base, profile: "fibre", seconds: 0 }));
});

test("[NET3] two live networks of one seed had the same happen to them", async () => {
  const target = await startTarget({ echo: true });
  const events: NetworkEvent[] = [{ kind: "blackhole", everyS: 1, lastsMs: [1, 5] }];
  const hashAfter = async (seed: number, speed: number) => {
    const network = await startShaped({ target, profile: aProfile({ events }), seed, clock: fasterClock(speed) });
    const quiet = network.statistics().scheduleHash;
    await until(() => network.statistics().events.blackhole > 0);
    const hash = network.statistics().scheduleHash;
    await network.stop();
    expect(hash).not.toBe(quiet);
    return hash;
  };
  expect(await hashAfter(6, 40)).toBe(await hashAfter(6, 20));
  expect(await hashAfter(7, 40)).not.toBe(await hashAfter(6, 40));
});

test("[NET13] events come as often and last as long as the profile says", () => {
  const [blackhole] = networkProfiles.train.events ?? [];
  if (blackhole?.kind !== "blackhole") throw new Error("A train has tunnels.");
  const timetable = createTimetable({ ...networkProfiles.train, events: [blackhole] }, 1);
  const [lasting, gaps]: [number[], number[]] = [[], []];
  let endMs = 0;
  for (let count = 0; count < 4000; count++) {
    const upcoming = timetable.upcoming();
    if (upcoming === null) throw new Error("It never ends.");
    gaps.push(upcoming.atMs - endMs);
    lasting.push(upcoming.lastsMs);
    endMs = upcoming.atMs + upcoming.lastsMs;
    timetable.take();
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(Math.abs(mean(gaps) / 40_000 - 1)).toBeLessThan(0.05);
  expect(Math.abs(mean(lasting) / 2400 - 1)).toBeLessThan(0.05);
  expect(Math.min(...lasting)).toBeGreaterThanOrEqual(800);
  expect(Math.max(...lasting)).toBeLessThanOrEqual(4000);
});

test("[NET12] a profile can be written as text: a name, numbers, or a name and what differs from it", () => {
  expect(parseNetworkProfile("train")).toBe(networkProfiles.train);
  expect(parseNetworkProfile("latency=80,jitter=20,loss=0.01,up=1e6,down=2e6")).toEqual({
    ...{ latencyMs: 80, jitterMs: 20, jitterShape: "normal", lossRate: 0.01 },
    ...{ bytesPerSecondUp: 1_000_000, bytesPerSecondDown: 2_000_000 },
  });
  expect(parseNetworkProfile("train, loss=0.1, shape=normal")).toEqual({
    ...networkProfiles.train,
    ...{ lossRate: 0.1, jitterShape: "normal" },
  });
  const wrong: [string, RegExp][] = [
    ["isdn", /no network "isdn"/],
    ["", /no network ""/],
    ["latency=1,isdn", /"isdn" in a network profile is not name=value/],
    ["latency=", /"latency=" .* not name=value/],
    ["latency=1=2", /not name=value/],
    ["latency=fast", /"latency=fast" .* not a number/],
    ["latency=Infinity", /not a number/],
    ["delay=5", /no "delay": it has latency, jitter, loss, up, down, shape/],
    ["latency=1,latency=2", /"latency" twice/],
    ["latency=-1", /latencyMs/],
    ["jitter=5", /jitterMs/],
    ["shape=round", /jitterShape/],
    ["loss=2", /lossRate/],
    ["up=0", /bytesPerSecondUp/],
    ["down=-1", /bytesPerSecondDown/],
  ];
  for (const [text, words] of wrong) {
    expect(() => parseNetworkProfile(text), text).toThrow(RangeError);
    expect(() => parseNetworkProfile(text), text).toThrow(words);
  }
});

test("[NET12] each number of an event that makes no sense is refused in words of its own", () => {
  const blackhole: NetworkEvent = { kind: "blackhole", everyS: 1, lastsMs: [1, 2] };
  const handover: NetworkEvent = { kind: "handover", everyS: 1, lastsMs: [1, 2], to: "4g" };
  const wrong: [unknown, RegExp][] = [
    [{ ...blackhole, kind: "flood" }, /no network event "flood"/],
    [{ ...blackhole, everyS: 0 }, /everyS of a blackhole/],
    [{ ...blackhole, everyS: Number.NaN }, /everyS of a blackhole/],
    [{ ...blackhole, lastsMs: [-1, 2] }, /lastsMs of a blackhole must begin/],
    [{ ...blackhole, lastsMs: [3, 2] }, /lastsMs of a blackhole must end/],
    [{ ...handover, lastsMs: [1, Number.POSITIVE_INFINITY] }, /lastsMs of a handover must end/],
    [{ ...handover, to: "isdn" }, /isdn/],
    [{ kind: "rebinding", everyS: 1, answer: "no" }, /reset or silence/],
  ];
  for (const [event, words] of wrong) {
    // What a file in another language, or a cast, would bring in.
    const profile = { ...aProfile({}), events: [event] } as NetworkProfile;
    expect(() => networkProfile(profile), String(words)).toThrow(words);
  }
  expect(networkProfile(aProfile({ events: [blackhole, handover] })).events).toHaveLength(2);
});
