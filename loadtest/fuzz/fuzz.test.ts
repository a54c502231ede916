import { expect, test } from "vitest";
import { createTestDatabase } from "../../src/testing/postgres.ts";
import { readRouteTable } from "../../src/testing/route-table.ts";
import { createSeededRandom } from "../random.ts";
import { readFrames, readRequests } from "./corpus.ts";
import { craftedPayloads } from "./crafted.ts";
import { generators, hostileFrame } from "./frames.ts";
import { fuzz } from "./fuzz.ts";
import { hostileRequest } from "./requests.ts";

const MESSAGES = 40_000;
const SEED = 1;
const honest = readFrames("honest.txt").map(({ bytes }) => bytes);

function frames(seed: number, count: number) {
  const source = { random: createSeededRandom(seed), honest, messageTypes: ["move", "echo"] };
  return Array.from({ length: count }, () => hostileFrame(source));
}

test("[FUZZ1] the same seed makes the same hostile bytes, and another seed others", async () => {
  const hex = (seed: number) => frames(seed, 500).map(({ bytes }) => bytes.toString("hex"));
  expect(hex(7)).toEqual(hex(7));
  expect(hex(7)).not.toEqual(hex(8));
  const routes = await readRouteTable();
  const requests = (seed: number) => {
    const random = createSeededRandom(seed);
    return Array.from({ length: 100 }, () => hostileRequest({ random, routes, credentials: {} }));
  };
  expect(requests(7)).toEqual(requests(7));
});

test("[FUZZ1] six generators, every code from 10 to 23, every crafted payload, every route, and a corpus that can be read", async () => {
  const made = frames(SEED, 40_000);
  expect(new Set(made.map(({ generator }) => generator))).toEqual(new Set(generators));
  const codes = new Set(made.map(({ bytes }) => (bytes[0] ?? 0) & 0x1f));
  expect(Array.from({ length: 14 }, (_, index) => 10 + index).filter((code) => !codes.has(code))).toEqual([]);
  const all = made.filter(({ generator }) => generator === "crafted").map(({ bytes }) => bytes.toString("latin1"));
  const missing = craftedPayloads.filter(
    ({ payload }) => !all.some((frame) => frame.endsWith(payload.toString("latin1"))),
  );
  expect(missing).toEqual([]);

  const routes = await readRouteTable();
  expect(routes).toContainEqual({ method: "POST", path: "/api/accounts/ticket", fields: ["room"] });
  const random = createSeededRandom(SEED);
  const asked = Array.from({ length: 5000 }, () => hostileRequest({ random, routes, credentials: {} }));
  const unasked = routes.filter(({ path }) => !asked.some((text) => text.includes(` ${path.split(":")[0]}`)));
  expect(unasked).toEqual([]);

  for (const { name, bytes } of [...readFrames("attacks.txt"), ...readFrames("honest.txt")]) {
    expect({ name, isFrame: bytes.length > 0 }).toEqual({ name, isFrame: true });
  }
  expect(readRequests().length).toBeGreaterThan(10);
});

test("[FUZZ2] S1: 40 000 hostile frames end neither the process nor a room, and honest players hear every patch in time", async () => {
  const database = await createTestDatabase();
  const lines: string[] = [];
  const report = await fuzz({
    messages: MESSAGES,
    seed: SEED,
    databaseUrl: database.url,
    onProgress: (line) => lines.push(line),
  });
  expect({ failures: report.failures, progress: lines }).toEqual({ failures: [], progress: lines });
  expect(report.reached).toBeGreaterThanOrEqual(MESSAGES);
  expect(report.requests).toBeGreaterThan(0);
}, 120_000);
