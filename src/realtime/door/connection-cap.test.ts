import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createHoldings } from "../../cluster/holdings.ts";
import { createClientAddress } from "../../platform/client-address.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createOrigins } from "../../platform/origins.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createRateLimit } from "../../platform/rate-limit.ts";
import { until } from "../../testing/app.ts";
import { capConnections } from "./connection-cap.ts";
import { createUpgradeGate } from "./upgrade-gate.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function listen(caps: { perAddress: number; max: number; isProxy?: boolean }) {
  const [http, metrics] = [createServer(), createMetrics()];
  capConnections(http, { ...caps, isProxy: () => caps.isProxy === true, metrics });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  stops.push(() => void http.close().closeAllConnections());
  const { port } = http.address() as AddressInfo;
  const closed = new Set<Socket>();
  const dial = () => {
    const socket = connect(port, "127.0.0.1");
    stops.push(() => void socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => closed.add(socket));
    return socket;
  };
  const held = () => new Promise<number>((resolve) => http.getConnections((_error, count) => resolve(count)));
  const refused = async () => (await metrics.doorRefused.get()).values;
  return { dial, closed, held, refused, http };
}

test("[DOOR3] S7: an address holds so many silent connections and no more, and gets their places back", async () => {
  const { dial, closed, held, refused } = await listen({ perAddress: 5, max: 100 });
  const sockets = Array.from({ length: 8 }, dial);
  await until(() => closed.size === 3);
  expect(await held()).toBe(5);
  expect(await refused()).toMatchObject([{ labels: { reason: "connections" }, value: 3 }]);
  for (const socket of sockets) socket.destroy();
  await expect.poll(held).toBe(0);
  closed.clear();
  dial();
  await expect.poll(held).toBe(1);
  expect(closed.size).toBe(0);
});

test("[DOOR3] S7: behind a trusted proxy are many clients, and all of them together have a limit of their own", async () => {
  const { dial, closed, held, refused, http } = await listen({ perAddress: 2, max: 6, isProxy: true });
  for (let count = 0; count < 9; count++) dial();
  await until(() => closed.size === 3);
  expect(await held()).toBe(6);
  // One that another process has accepted counts as well.
  const handed = new Socket();
  http.emit("connection", handed);
  expect(handed.destroyed).toBe(true);
  expect(await refused()).toMatchObject([{ labels: { reason: "connections" }, value: 4 }]);
});

function aGate(given: { socketsPerAddress: number; socketsMax: number }) {
  const gate = createUpgradeGate({
    ...given,
    clientAddress: createClientAddress({ trustedProxies: ["10.0.0.1"], loadtestKey: null }),
    origins: createOrigins({ allowed: [], publicUrl: null }),
    rateLimit: createRateLimit(),
    metrics: createMetrics(),
    random: cryptoRandom,
    holdings: createHoldings({ redis: null, clock: createSystemClock(), log: createLog({ level: "silent" }) }),
  });
  return (peer: string, forwardedFor?: string) => {
    const headers = { host: "a", ...(forwardedFor !== undefined && { "x-forwarded-for": forwardedFor }) };
    const url = `/p/r?sessionId=${"x".repeat(22)}`;
    const request = { url, headers, rawHeaders: ["Host", "a"], socket: { remoteAddress: peer } };
    return gate.enter(request as unknown as IncomingMessage);
  };
}
const codeOf = (entered: Promise<unknown>) =>
  entered.then(
    () => "in",
    ({ code }: { code: string }) => code,
  );

test("[DOOR3] S7: the process takes so many sockets and no more, whosever they are", async () => {
  const enter = aGate({ socketsPerAddress: 10, socketsMax: 3 });
  const passes = await Promise.all(["1.1.1.1", "2.2.2.2", "3.3.3.3"].map((peer) => enter(peer)));
  expect(await codeOf(enter("4.4.4.4"))).toBe("UNAVAILABLE");
  passes[0]?.leave();
  // Twice is once.
  passes[0]?.leave();
  expect(await codeOf(enter("4.4.4.4"))).toBe("in");
  expect(await codeOf(enter("5.5.5.5"))).toBe("UNAVAILABLE");
});

test("[DOOR3] S7: sockets are counted by the address that a trusted proxy names, and by no name that a client makes up", async () => {
  const enter = aGate({ socketsPerAddress: 1, socketsMax: 100 });
  expect(await codeOf(enter("10.0.0.1", "6.6.6.6"))).toBe("in");
  expect(await codeOf(enter("10.0.0.1", "7.7.7.7"))).toBe("in");
  expect(await codeOf(enter("10.0.0.1", "6.6.6.6"))).toBe("RATE_LIMITED");
  expect(await codeOf(enter("10.0.0.1", "8.8.8.8, 6.6.6.6"))).toBe("RATE_LIMITED");
  expect(await codeOf(enter("9.9.9.9", "1.2.3.4"))).toBe("in");
  expect(await codeOf(enter("9.9.9.9", "1.2.3.5"))).toBe("RATE_LIMITED");
});
