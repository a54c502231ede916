import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { cleanUp, median, startShaped } from "./network-rig.ts";
import { startTraffic } from "./network-traffic.ts";

/** A line's processor time, as a ratio to the cheapest proxy that Node allows: bytes are written as they are read. */
const lines = 100;
const rounds = 3;
const measuredMs = 700;

afterAll(cleanUp);

test("[NET15] a shaped line at 60 messages a second each way costs at most three times what a bare proxy does", async () => {
  const [shaped, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    shaped.push(await shapedMicroseconds());
    bare.push(await bareMicroseconds());
  }
  const ratio = median(shaped) / median(bare);
  console.info(
    `${median(shaped).toFixed(1)} µs per message, bare ${median(bare).toFixed(1)}: ${ratio.toFixed(2)} times`,
  );
  expect(ratio).toBeLessThan(3);
});

async function shapedMicroseconds(): Promise<number> {
  const traffic = await startTraffic();
  const target = { host: "127.0.0.1", port: traffic.port, sockets: [], stop: () => Promise.resolve() };
  const networks = await Promise.all(
    Array.from({ length: lines }, (_, seed) => startShaped({ target, profile: "4g", seed })),
  );
  traffic.start(networks.map(({ port }) => port));
  const passed = () =>
    networks.reduce((sum, network) => sum + network.statistics().up.segments + network.statistics().down.segments, 0);
  const cost = await microsecondsPer(passed);
  await Promise.all([...networks.map((network) => network.stop()), traffic.stop()]);
  return cost;
}

async function bareMicroseconds(): Promise<number> {
  const traffic = await startTraffic();
  let passed = 0;
  const sockets: Socket[] = [];
  const join = (from: Socket, to: Socket) => {
    sockets.push(from);
    from
      .on("error", () => {})
      .on("data", (bytes) => {
        passed += 1;
        to.write(bytes);
      });
  };
  const proxies: Server[] = [];
  for (let index = 0; index < lines; index++) {
    const proxy = createServer({ noDelay: true }, (client) => {
      const server = connect({ port: traffic.port, host: "127.0.0.1", noDelay: true });
      join(client, server);
      join(server, client);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    proxies.push(proxy);
  }
  traffic.start(proxies.map((proxy) => Number((proxy.address() as { port: number }).port)));
  const cost = await microsecondsPer(() => passed);
  for (const socket of sockets) socket.destroy();
  await Promise.all([...proxies.map((proxy) => new Promise((resolve) => proxy.close(resolve))), traffic.stop()]);
  return cost;
}

/** Of this process, which is all that is between the two ends. */
async function microsecondsPer(passed: () => number): Promise<number> {
  await sleep(300);
  const [before, cpu] = [passed(), process.cpuUsage()];
  await sleep(measuredMs);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / (passed() - before);
}
