import { afterAll, expect, test } from "vitest";
import { type Direction, move, type Place } from "./contenders/movement.ts";
import { measure } from "./measurement.ts";
import type { Probe } from "./probes.ts";
import { checkProbes } from "./probing.ts";
import { startCrowd, startServer } from "./processes.ts";

const pinning = { server: [], bots: [], unpinned: "a test shares the machine" };

/** A server of one player that does to an input what it is told to. */
function aProbe(play: (place: Place, direction: Direction) => void) {
  const server: Place = { x: 1, y: 2 };
  const seen: Place = { x: 1, y: 2 };
  const probe: Probe = {
    name: () => "room/player",
    place: () => seen,
    move: (direction) => {
      play(server, direction);
      setImmediate(() => {
        Object.assign(seen, server);
        probe.onState();
      });
    },
    onState: () => {},
    leave: async () => {},
  };
  return { probe, server };
}

test("[BENCH7] a server passes that plays each input once and shows its players where they are", async () => {
  const { probe, server } = aProbe(move);
  expect(await checkProbes([probe], async () => ({ "room/player": server }))).toBeNull();
});

test("[BENCH7] a server that plays an input twice, shows another place, or has lost the player does not pass", async () => {
  const twice = aProbe((place, direction) => [move, move].forEach((again) => void again(place, direction)));
  expect(await checkProbes([twice.probe], async () => ({ "room/player": twice.server }))).toContain("too far");
  const shifted = aProbe(move);
  const elsewhere = async () => ({ "room/player": { x: shifted.server.x + 0.01, y: shifted.server.y } });
  expect(await checkProbes([shifted.probe], elsewhere)).toContain("off the server's");
  expect(await checkProbes([aProbe(move).probe], async () => ({}))).toContain("knows no player");
});

const crowd = startCrowd(pinning);
const server = await startServer("ws-floor", { pinning, environment: {} });
afterAll(() => Promise.all([crowd.stop(), server.stop()]));

test("[BENCH9] a measurement tells CPU, bytes, latencies and joins of what was played, and leaves nobody behind", async () => {
  const task = {
    server,
    crowd,
    loadtestKey: "",
    size: 16,
    clients: 16,
    seconds: 1,
    waves: 2,
    isPlaying: true,
  } as const;
  const { botMicros, bytesPerSecond, conditions, cpuMsPerKiloTick, joinsPerCpuSecond, latenciesMs } = await measure({
    ...task,
    number: 0,
  });
  expect(conditions.delivered).toBeGreaterThan(0.5);
  expect(cpuMsPerKiloTick).toBeGreaterThan(0);
  expect(botMicros).toBeGreaterThan(0);
  expect(joinsPerCpuSecond).toBeGreaterThan(0);
  expect(latenciesMs.length).toBeGreaterThan(3);
  // Up to 16 players of 9 bytes and 3 of framing, 20 times a second; fewer when the machine is busy.
  expect(bytesPerSecond).toBeGreaterThan(500);
  expect(bytesPerSecond).toBeLessThan(3500);
  expect(await server.truth()).toEqual({});
});

test("[BENCH9] bots that are refused are a failure of the measurement, in the server's words", async () => {
  await expect(crowd.ask({ do: "open", contender: "nobody", goal: aGoal() })).rejects.toThrow("do not speak to nobody");
  await crowd.ask({ do: "open", contender: "stock-best", goal: aGoal() });
  await expect(crowd.ask({ do: "join", count: 1 })).rejects.toThrow("was refused");
});

function aGoal() {
  return { endpoint: server.endpoint, size: 16 as const, loadtestKey: "", name: "test" };
}
