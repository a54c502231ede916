import { expect, test } from "vitest";
import { startTestApp } from "../../testing/app.ts";
import { suggestProcesses } from "./autoscale.ts";
import type { ProcessRecord } from "./processes.ts";

const app = await startTestApp({ rooms: {}, settings: { SOCKETS_MAX: "50" } });

function aRecord(load: Partial<ProcessRecord["load"]> = {}, more: Partial<ProcessRecord> = {}): ProcessRecord {
  const idle = { players: 0, playersMax: 100, rooms: 0, roomsMax: 100, loop: 0, memory: 0.1 };
  return {
    processId: "p",
    relay: "",
    region: "north",
    role: "all",
    isDraining: false,
    load: { ...idle, ...load },
    ...more,
  };
}
const suggest = (processes: ProcessRecord[], felt: { queueSeconds?: number; lateSeconds?: number } = {}) => {
  const { suggested, why } = suggestProcesses({ region: "north", processes, queueSeconds: 0, lateSeconds: 0, ...felt });
  return { suggested, why };
};

test("[AUTOSCALE1] as many processes are suggested as bring the fullest of players, rooms, loop and memory to its target", () => {
  const four = (load: Partial<ProcessRecord["load"]>) => suggest(Array.from({ length: 4 }, () => aRecord(load)));
  expect(four({ players: 100 })).toEqual({ suggested: 6, why: "players at 100 %" });
  expect(four({ loop: 0.9 })).toEqual({ suggested: 6, why: "loop at 90 %" });
  expect(four({ memory: 0.9 })).toEqual({ suggested: 5, why: "memory at 90 %" });
  expect(four({ rooms: 100, players: 20 })).toEqual({ suggested: 5, why: "rooms at 100 %" });
  expect(four({ players: 35 })).toEqual({ suggested: 2, why: "players at 35 %" });
  // Near its target nothing is changed, and never is nobody left.
  expect(four({ players: 66 }).suggested).toBe(4);
  expect(four({ memory: 0 }).suggested).toBe(1);
  expect(suggest([]).suggested).toBe(1);
});

test("[AUTOSCALE1] one more is suggested when players feel it, and who drains, answers only, or is elsewhere does not count", () => {
  expect(suggest([aRecord()], { queueSeconds: 0.5 })).toEqual({ suggested: 2, why: "joins wait for their turn" });
  expect(suggest([aRecord()], { lateSeconds: 0.1 })).toEqual({ suggested: 2, why: "the event loop is late" });
  const busy = { players: 70 };
  const others = [
    aRecord(busy, { isDraining: true }),
    aRecord(busy, { role: "api" }),
    aRecord(busy, { region: "south" }),
  ];
  expect(suggest([aRecord(busy), ...others])).toEqual({ suggested: 1, why: "players at 70 %" });
});

test("[AUTOSCALE2] the private listener says it as JSON, and its figures are metrics; the public one says nothing", async () => {
  const url = app.metricsUrl.replace("/metrics", "/autoscale");
  const response = await fetch(url);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.json()).toMatchObject({
    region: "local",
    processes: 1,
    draining: 0,
    suggested: 1,
    why: expect.stringMatching(/^(players|rooms|loop|memory) at \d+ %$/),
    signals: { players: 0, freeSeats: 50, rooms: 0, queueSeconds: 0 },
  });
  expect((await app.call("GET", "/autoscale")).status).toBe(404);
  const metrics = await (await fetch(app.metricsUrl)).text();
  expect(metrics).toMatch(/^umpire_free_seats 50$/m);
  expect(metrics).toMatch(/^umpire_processes 1$/m);
  for (const name of ["loop_share", "memory_share", "queue_seconds_count"])
    expect(metrics).toContain(`umpire_${name} `);
});
