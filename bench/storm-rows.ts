import { createSecretKey, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { createJsonClient, hearEngine, type Seat, seatDial, signedName } from "../loadtest/bots/light.ts";
import { LightSocket } from "../loadtest/bots/light-socket.ts";
import { createSeededRandom } from "../loadtest/random.ts";
import { LOADTEST_HEADER } from "../schema/protocol.ts";
import { nextRedialMs, REDIAL_MS_MIN } from "../src/client/reconnect.ts";
import { reconnectionToken } from "../src/realtime/reconnection-token.ts";
import { choosePinning, machineTimes, pinOurselves } from "./machine.ts";
import { type ServerProcess, startServer } from "./processes.ts";
import type { Length, Row } from "./report.ts";
import { abbaOrder, median, quantile, ratioOf, voidEstimate, voidMeasurement } from "./statistics.ts";

const TARGET = 1;
const PLANS: Readonly<Record<Length, { repetitions: number; players: number }>> = {
  quick: { repetitions: 3, players: 160 },
  usual: { repetitions: 15, players: 1000 },
  full: { repetitions: 25, players: 1000 },
};
/** As the contender sets it. */
const SECRET = createSecretKey(Buffer.from("only-for-benchmarks-only-for-benchmarks"));
const IN_FLIGHT = 32;
const REST_MS = 700;
const SEATED_MS_MAX = 20_000;
/** Of 99 in 100 it is asked when they are back. */
const SHARE = 0.99;

interface Player {
  readonly seat: Seat;
  readonly headers: Readonly<Record<string, string>>;
  socket: LightSocket;
}

interface Wave {
  readonly cpuMs: number;
  readonly backMs: number;
  readonly void: string | null;
}

/**
 * W13: all players lose their connections at once and redial as our client does, against as many who join the stock engine
 * for the first time. Each side is left with its players in their rooms, at rest, and what the rooms cost is taken off.
 */
export async function stormRows(length: Length): Promise<Row[]> {
  const { repetitions, players: count } = PLANS[length];
  const pinning = choosePinning();
  pinOurselves(pinning);
  const loadtestKey = randomBytes(32).toString("base64url");
  const environment = { LOADTEST_KEY: loadtestKey, SOCKETS_MAX: "5000" };
  const ours = await startServer("umpire", { pinning, environment });
  const stock = await startServer("stock-best", { pinning, environment: {} });
  try {
    const players = await gather(ours, loadtestKey, count);
    const storms: Wave[] = [];
    const joins: Wave[] = [];
    const random = createSeededRandom(length.length);
    const storm = async () => void storms.push(await strike(ours, players, () => random.below(1e6) / 1e6));
    const join = async () => void joins.push(await joinStock(stock, count));
    // Everybody's code has been compiled before it counts.
    for (const run of [storm, join]) await run();
    for (const waves of [storms, joins]) waves.length = 0;
    for (const run of abbaOrder([storm, join], repetitions).flat()) await run();
    for (const { socket } of players) socket.drop();
    const row = (id: string, of: (wave: Wave) => number, unit: string) => rowOf({ id, storms, joins, of, unit });
    return [row("W13", ({ cpuMs }) => cpuMs, "CPU-ms"), row("W13/time", ({ backMs }) => backMs, "ms to 99 %")];
  } finally {
    await Promise.all([ours.stop(), stock.stop()]);
  }
}

/** Players of ours, with accounts, in rooms of sixteen. */
async function gather(server: ServerProcess, loadtestKey: string, count: number): Promise<Player[]> {
  const http = createJsonClient(server.endpoint);
  return inTurns(count, async (number) => {
    const headers = { [LOADTEST_HEADER]: signedName(`storm-${number}`, loadtestKey) };
    const { token } = await http.post<{ token: string }>("/api/accounts/guest", {}, headers);
    const asPlayer = { ...headers, authorization: `Bearer ${token}` };
    const seat = await http.post<Seat>("/matchmake/joinOrCreate/room16", {}, asPlayer);
    return { seat, headers, socket: await sit(server, seat, headers) };
  });
}

async function strike(server: ServerProcess, players: readonly Player[], random: () => number): Promise<Wave> {
  return measureWave(server, async () => {
    for (const { socket } of players) socket.drop();
    const fromMs = performance.now();
    const back = await Promise.all(players.map((player) => redial(server, player, random, fromMs)));
    return quantile(back, SHARE);
  });
}

async function redial(server: ServerProcess, player: Player, random: () => number, fromMs: number): Promise<number> {
  const { seat, headers } = player;
  const token = reconnectionToken(SECRET, seat.roomId, seat.sessionId);
  for (let waitMs = REDIAL_MS_MIN; ; ) {
    waitMs = nextRedialMs(waitMs, random);
    await pause(waitMs);
    const socket = await sit(server, seat, headers, `&reconnectionToken=${token}`).catch(() => null);
    if (socket === null && performance.now() - fromMs < SEATED_MS_MAX) continue;
    if (socket === null) throw new Error("A player did not come back.");
    player.socket = socket;
    return performance.now() - fromMs;
  }
}

/** So many join, and leave when all of them are there. */
async function joinStock(server: ServerProcess, count: number): Promise<Wave> {
  const http = createJsonClient(server.endpoint);
  const sockets: LightSocket[] = [];
  const wave = await measureWave(server, async () => {
    const fromMs = performance.now();
    const joined = await inTurns(count, async () => {
      const seat = await http.post<Seat>("/matchmake/joinOrCreate/room16", {});
      sockets.push(await sit(server, seat, {}));
      return performance.now() - fromMs;
    });
    return quantile(joined, SHARE);
  });
  // For good: the engine would keep their seats.
  await Promise.all(sockets.map((socket) => socket.close()));
  return wave;
}

/** What a wave costs beyond what the rooms, with everybody in them, cost at rest. */
async function measureWave(server: ServerProcess, run: () => Promise<number>): Promise<Wave> {
  const own = process.cpuUsage();
  const [cpuFromMs, fromMs, times] = [server.cpuMs(), performance.now(), machineTimes()];
  const backMs = await run();
  const [cpuToMs, tookMs] = [server.cpuMs(), performance.now() - fromMs];
  const { user, system } = process.cpuUsage(own);
  const { total, stolen } = machineTimes();
  await pause(REST_MS);
  const restingShare = (server.cpuMs() - cpuToMs) / REST_MS;
  const conditions = {
    delivered: 1,
    botCpu: (user + system) / 1000 / tookMs,
    steal: (stolen - times.stolen) / (total - times.total),
  };
  // People are away, or not there yet, for half of the time on average.
  return { cpuMs: cpuToMs - cpuFromMs - (restingShare * tookMs) / 2, backMs, void: voidMeasurement(conditions) };
}

/** Resolves with the first whole state. */
async function sit(server: ServerProcess, seat: Seat, headers: Readonly<Record<string, string>>, more = "") {
  const unsent: Buffer[] = [];
  let socket: LightSocket | undefined;
  let onSeated = (_refusal: Error | null) => {};
  const seated = new Promise<void>((resolve, reject) => {
    onSeated = (refusal) => (refusal === null ? resolve() : reject(refusal));
  });
  seated.catch(() => {});
  const dial = seatDial(server.endpoint, seat, headers);
  socket = await LightSocket.open({ ...dial, path: dial.path + more }, (opcode, bytes, start, end) => {
    const heard = hearEngine({ opcode, bytes, start, end }, (frame) => {
      // The first message may come in one packet with the upgrade.
      if (socket === undefined) unsent.push(frame);
      else socket.send(frame);
    });
    if (heard === "seated") onSeated(null);
    if (heard === "refused") onSeated(new Error("refused"));
  });
  for (const frame of unsent) socket.send(frame);
  void socket.closed.then((code) => onSeated(new Error(`closed with ${code}`)));
  await seated;
  return socket;
}

async function inTurns<T>(count: number, task: (number: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) results.push(await task(next++));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return results;
}

interface Sides {
  readonly id: string;
  readonly storms: readonly Wave[];
  readonly joins: readonly Wave[];
  readonly of: (wave: Wave) => number;
  readonly unit: string;
}

function rowOf({ id, storms, joins, of, unit }: Sides): Row {
  const estimate = ratioOf(storms.map(of), joins.map(of));
  const spoilt = [...storms, ...joins].find((wave) => wave.void !== null)?.void ?? voidEstimate(estimate);
  return {
    id,
    against: "stock joins",
    ratio: estimate.median,
    interval: [estimate.low, estimate.high],
    target: TARGET,
    ok: estimate.median <= TARGET,
    isGate: false,
    ...(spoilt !== null && { void: spoilt }),
    measured: { [unit]: median(storms.map(of)), theirs: median(joins.map(of)) },
  };
}
