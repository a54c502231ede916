import { availableParallelism, loadavg } from "node:os";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { startTestApp, until } from "../../testing/app.ts";
import { STILL_TICK_MS, steps, stillRooms } from "../../testing/still-room.ts";

// Requests say whom they come from, as behind a proxy: an attack from many addresses, sent from one.
const app = await startTestApp({ rooms: stillRooms, settings: { TRUSTED_PROXIES: "127.0.0.1" } });
const PASSWORD = "correct horse battery";

interface Shot {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly code: string;
}

/** Sends from a thread of its own, so that the attacker's work is not taken for the server's. */
const ATTACKER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { request } = require("node:http");
  const shoot = ({ from, body }) => new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), "x-forwarded-for": from };
    const sent = request(workerData.url, { method: "POST", headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk)).on("end", () => {
        const { code = "" } = JSON.parse(text);
        resolve({ status: response.statusCode, retryAfter: response.headers["retry-after"], code });
      });
    });
    sent.on("error", reject).end(body);
  });
  Promise.all(workerData.shots.map(shoot)).then((answers) => parentPort.postMessage(answers));
`;

async function shoot(shots: readonly { from: string; body: object }[]): Promise<Shot[]> {
  const workerData = {
    url: `${app.url}/api/accounts/sign-in`,
    shots: shots.map(({ from, body }) => ({ from, body: JSON.stringify(body) })),
  };
  const worker = new Worker(ATTACKER, { eval: true, workerData });
  const answers = await new Promise<Shot[]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  return answers;
}

const somewhere = (index: number) => `10.${index % 250}.${Math.floor(index / 250)}.1`;
const aPair = (index: number) => ({ email: `leaked-${index}@example.com`, password: `leaked password ${index}` });

function tally(answers: readonly Shot[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test("[CREDENTIALS12] S21: a password of a megabyte, or of 60 KB, is refused before it is hashed", async () => {
  const shots = Array.from({ length: 20 }, (_, index) => ({
    from: somewhere(1000 + index),
    body: { email: "ada@example.org", password: "x".repeat(index % 2 === 0 ? 1_000_000 : 60_000) },
  }));
  expect(tally(await shoot(shots))).toEqual({ 400: 10, 413: 10 });
});

test("[CREDENTIALS10] S16: from one address, 300 leaked pairs are nearly all refused unread", async () => {
  const answers = await shoot(Array.from({ length: 300 }, (_, index) => ({ from: "192.0.2.7", body: aPair(index) })));
  const counts = tally(answers);
  expect(counts[429]).toBeGreaterThanOrEqual(280);
  expect((counts[401] ?? 0) + (counts[503] ?? 0)).toBeLessThanOrEqual(20);
  for (const { status, retryAfter } of answers) if (status === 429) expect(Number(retryAfter)).toBeGreaterThan(0);
});

test("[CREDENTIALS10][CREDENTIALS11] S16: one account from 60 addresses is tried 30 times, and its player plays on", async () => {
  const player = await app.guest();
  const email = "grace@example.org";
  const registered = await app.call("POST", "/api/accounts/register", {
    token: player.token,
    body: { email, password: PASSWORD },
  });
  const { token } = registered.body as { token: string };
  const guesses = Array.from({ length: 60 }, (_, index) => ({
    from: somewhere(2000 + index),
    body: { email, password: `guess number ${index}` },
  }));
  const answers = await shoot(guesses);
  const counts = tally(answers);
  expect([counts[401], counts[429]]).toEqual([30, 30]);
  expect(answers.filter(({ status }) => status === 429).map(({ code }) => code)).toEqual(
    Array(30).fill("RATE_LIMITED"),
  );
  // Even the right password waits now, but whoever is signed in plays.
  const [right] = await shoot([{ from: somewhere(3000), body: { email, password: PASSWORD } }]);
  expect(right?.status).toBe(429);
  expect((await app.call("GET", "/api/accounts/me", { token })).status).toBe(200);
  const room = await app.join({ ...player, token }, "still");
  const change = { currentPassword: PASSWORD, password: "another horse battery" };
  expect((await app.call("POST", "/api/accounts/password", { token, body: change })).status).toBe(200);
  await room.leave();
});

/** The widest distance between two steps of the room, but for one in a hundred, while `work` was done. */
interface Gaps {
  readonly count: number;
  readonly ms: number;
  /** Of processor time that the loop took: what the server itself did in between, however busy the machine is. */
  readonly loopMs: number;
}

async function gapsDuring(work: () => Promise<unknown>): Promise<Gaps> {
  const from = steps.length;
  await work();
  const taken = steps.slice(from);
  const p99 = (read: (step: (typeof steps)[number]) => number) => {
    const gaps = taken.slice(1).map((step, index) => read(step) - read(taken[index] ?? step));
    return gaps.toSorted((one, other) => other - one)[Math.floor(gaps.length / 100)] ?? 0;
  };
  return { count: taken.length, ms: p99(({ atMs }) => atMs), loopMs: p99(({ loopMs }) => loopMs) };
}

interface Flood {
  readonly calm: Gaps;
  readonly flood: Gaps;
  /** Of the processor time that the process took for the flood, what its loop took. */
  readonly loopShare: number;
  readonly answers: readonly Shot[];
}

/** 200 sign-ins at once, and before it the same machine and the same room with nobody signing in. */
async function flood(round: number): Promise<Flood> {
  const from = steps.length;
  const calm = await gapsDuring(() => until(() => steps.length > from + 60, 20_000));
  const before = { all: process.cpuUsage(), loop: process.threadCpuUsage() };
  let answers: Shot[] = [];
  const gaps = await gapsDuring(async () => {
    const from = 200 * round;
    answers = await shoot(
      Array.from({ length: 200 }, (_, index) => ({ from: somewhere(from + index), body: aPair(index) })),
    );
  });
  const [all, loop] = [process.cpuUsage(before.all), process.threadCpuUsage(before.loop)];
  const loopShare = (loop.user + loop.system) / (all.user + all.system);
  return { calm, flood: gaps, loopShare, answers };
}

/** Where many others want the processor, the time on the wall says nothing of this server. */
const isMachineBusy = () => (loadavg()[0] ?? 0) > 3 * availableParallelism();

test("[CREDENTIALS12] S21: 200 sign-ins at once are answered or refused, and the room steps on", async () => {
  const room = await app.join(await app.guest(), "still");
  await until(() => steps.length > 10);
  const { answers, ...figures } = await flood(0);
  const counts = tally(answers);
  // Two are hashed and sixty-four wait; a few more get in as those finish.
  expect(counts[503]).toBeGreaterThan(30);
  expect(counts[401]).toBeGreaterThan(30);
  expect((counts[503] ?? 0) + (counts[401] ?? 0)).toBe(200);
  for (const { status, retryAfter } of answers) if (status === 503) expect(Number(retryAfter)).toBeGreaterThan(0);
  const said = JSON.stringify(figures);
  expect(figures.flood.count, said).toBeGreaterThan(20);
  expect(figures.loopShare, said).toBeLessThan(0.5);
  const isSteady = ({ calm, flood }: Pick<Flood, "calm" | "flood">) =>
    flood.loopMs < calm.loopMs + 2 * STILL_TICK_MS && (isMachineBusy() || flood.ms < calm.ms + 2 * STILL_TICK_MS);
  // A machine, or code that is compiled only now, may hold some of them up; what is ours holds up each.
  const isSteadyOnce = isSteady(figures) || isSteady(await flood(1)) || isSteady(await flood(2));
  expect(isSteadyOnce, said).toBe(true);
  await room.leave();
}, 60_000);
