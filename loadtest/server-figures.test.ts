import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { rooms } from "../rooms/index.ts";
import { startTestApp } from "../src/testing/app.ts";
import { untilAnswered } from "../src/testing/cluster.ts";
import { TIMED } from "../src/testing/timed.ts";
import { bucketsBetween, parseScrape, quantile } from "./prometheus.ts";
import { watchServer } from "./server-figures.ts";

const app = await startTestApp({ rooms, settings: { BOT_FILL: "0" } });

/** Somebody's metrics, at a URL. */
async function serve(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Told {
  cpu: number;
  rss?: number;
  players?: number;
  late?: readonly [ms5: number, ms25: number, all: number];
}

function metricsText({ cpu, rss = 2 ** 20, players = 0, late = [0, 0, 0] }: Told): string {
  return [
    `process_cpu_seconds_total ${cpu}`,
    `process_resident_memory_bytes ${rss}`,
    "nodejs_eventloop_lag_p99_seconds 0.0625",
    `umpire_players{room="arena"} ${players}`,
    `umpire_players{room="a } \\" b"} 1`,
    "# TYPE umpire_rooms gauge",
    ...late.map((count, at) => `umpire_step_late_seconds_bucket{le="${[0.005, 0.025, "+Inf"][at]}",room="a"} ${count}`),
    "",
  ].join("\n");
}

test(
  "[REPORT1] a real server's cores, loop, ticks, memory, players and rooms are read from its metrics",
  TIMED,
  async () => {
    const watch = watchServer({ metricsUrls: [app.metricsUrl] });
    onTestFinished(() => watch.stop());
    const first = await watch.read();
    expect(first).toMatchObject({ cpu: null, loopMsP99: null, tickLateMsP99: null, players: 0, rooms: 0 });
    const room = await app.join(await app.guest(), "arena");
    onTestFinished(async () => void (await room.leave()));
    let seen = await watch.read();
    await untilAnswered(async () => {
      seen = await watch.read();
      return seen.players === 1 && seen.tickLateMsP99 !== null;
    });
    expect(seen).toMatchObject({ players: 1, rooms: 1 });
    expect(seen.cpu).toBeGreaterThan(0);
    expect(seen.cpuBusiest).toBe(seen.cpu);
    expect(seen.rssMiB).toBeGreaterThan(30);
    // An idle loop is not 50 ms late, although that is what its server publishes.
    expect(seen.loopMsP99).toBeGreaterThanOrEqual(0);
    expect(seen.loopMsP99).toBeLessThan(40);
  },
);

test("[REPORT1] figures are differences per second, over all the processes that a supervisor names", async () => {
  const told: Told[] = [
    { cpu: 1e6, players: 3, rss: 3 * 2 ** 20, late: [100, 100, 100] },
    { cpu: 2e6, players: 4, rss: 4 * 2 ** 20, late: [50, 50, 50] },
  ];
  const urls = await Promise.all(
    told.map((_, at) => serve((_request, reply) => reply.end(metricsText(told[at] ?? { cpu: 0 })))),
  );
  const processes = [...urls.map((url) => ({ metricsPort: Number(new URL(url).port) })), { metricsPort: null }];
  const supervisor = await serve((request, reply) =>
    reply.end(request.url === "/processes" ? JSON.stringify({ processes }) : "umpire_processes_ready 2\n"),
  );
  const watch = watchServer({ metricsUrls: [`${supervisor}/metrics`] });
  const readMs = performance.now();
  expect(await watch.read()).toMatchObject({ cpu: null, rssMiB: 7, players: 9, rooms: 0 });
  told[0] = { cpu: 1e6 + 0.2, late: [100, 200, 200] };
  told[1] = { cpu: 2e6 + 0.1, late: [150, 150, 150] };
  const second = await watch.read();
  const seconds = (performance.now() - readMs) / 1000;
  // The readings lie at most that far apart.
  expect(second.cpu).toBeGreaterThan(0.299 / seconds);
  expect(second.cpu).toBeLessThan(301);
  expect((second.cpuBusiest ?? 0) / (second.cpu ?? 1)).toBeGreaterThan(0.5);
  expect(second.loopMsP99).toBeCloseTo(12.5);
  // Of 200 wakings half were within 5 ms, half between 5 and 25: the 198th is 98 hundredths into the latter.
  expect(second.tickLateMsP99).toBeCloseTo(5 + 20 * 0.98);
  // One of them was started anew.
  told[0] = { cpu: 0.1 };
  expect(await watch.read()).toMatchObject({ cpu: null, players: 2 });
});

test(
  "[REPORT2] who is away, stalls, floods or talks nonsense gives nulls within a second and fails nothing",
  TIMED,
  async () => {
    const unknown = { cpu: null, loopMsP99: null, tickLateMsP99: null, rssMiB: null, players: null, rooms: null };
    const flood = "x".repeat(64 * 1024);
    const urls = [
      "http://127.0.0.1:1/metrics",
      "no url at all",
      await serve(() => {}),
      await serve((_request, reply) => {
        const pour = () => {
          while (!reply.destroyed && reply.write(flood));
          if (!reply.destroyed) reply.once("drain", pour);
        };
        pour();
      }),
      await serve((_request, reply) => void reply.writeHead(500).end("umpire_players 5")),
      await serve((_request, reply) => void reply.writeHead(302, { location: app.metricsUrl }).end()),
      await serve((_request, reply) => void reply.end('\0\n{}\n} 5\nname{le="x"} NaN\n# TYPE\n')),
      await serve((request, reply) => void reply.end(request.url === "/processes" ? "[" : "umpire_processes_ready 1")),
      await serve((request, reply) =>
        reply.end(
          request.url === "/processes" ? '{"processes":[null,{"metricsPort":"1@evil"}]}' : "umpire_processes_ready 1",
        ),
      ),
    ];
    const startedMs = performance.now();
    const readings = await Promise.all(urls.map((url) => watchServer({ metricsUrls: [url] }).read()));
    expect(performance.now() - startedMs).toBeLessThan(2000);
    for (const reading of readings) expect(reading).toMatchObject(unknown);
  },
);

test("[REPORT2] one process that does not answer makes the sums unknown: half of them would look like a good result", async () => {
  const url = await serve((_request, reply) => void reply.end(metricsText({ cpu: 1, players: 5 })));
  const watch = watchServer({ metricsUrls: [url, "http://127.0.0.1:1/metrics"] });
  expect(await watch.read()).toMatchObject({ players: null, rssMiB: null });
  expect(await watchServer({ metricsUrls: [url] }).read()).toMatchObject({ players: 6, rssMiB: 1 });
});

test("[REPORT1] CPU and memory of a process of this machine are the kernel's", async () => {
  const watch = watchServer({ metricsUrls: [], pids: [process.pid] });
  expect(await watch.read()).toMatchObject({ cpu: null, players: null });
  const untilMs = performance.now() + 60;
  while (performance.now() < untilMs);
  const reading = await watch.read();
  expect(reading.cpu).toBeGreaterThan(0.2);
  // What the process had taken before is much more than it can take now.
  expect(reading.cpu).toBeLessThan(10);
  expect(reading.rssMiB).toBeGreaterThan(30);
  expect((await watchServer({ metricsUrls: [], pids: [2 ** 30] }).read()).rssMiB).toBeNull();
});

test("[REPORT1] a percentile of buckets is the bound of the last finite one at most, and unknown without samples", () => {
  const text = ['h_bucket{le="1"} 1', 'h_bucket{le="+Inf"} 10', "# TYPE h histogram"].join("\n");
  const buckets = parseScrape(text).buckets("h") ?? [];
  expect(quantile(buckets, 0.99)).toBe(1);
  expect(quantile(buckets, 0.05)).toBe(0.5);
  expect(quantile(bucketsBetween(buckets, buckets) ?? [], 0.99)).toBeNull();
  expect(quantile([], 0.5)).toBeNull();
  expect(bucketsBetween(buckets, [{ atMost: 1, count: 0 }])).toBeNull();
});
