import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type Server } from "node:http";
import { createServer as createHttps, request } from "node:https";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { createSystemClock } from "../../platform/clock.ts";
import { until } from "../../testing/app.ts";
import { launchChild } from "./child-process.ts";
import { adopt, openDealer, type Taker } from "./dealing.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };

async function aDealer() {
  const dealer = await openDealer(LOOPBACK);
  afterAll(() => dealer.stop());
  const dial = (): Socket => {
    const socket = connect({ host: "127.0.0.1", port: dealer.port, allowHalfOpen: true }).on("error", () => {});
    afterAll(() => void socket.destroy());
    return socket;
  };
  return { dealer, dial };
}

/** Takes whatever it is given, and keeps it. */
function aTaker(): Taker & { readonly taken: Socket[]; lose(): void } {
  const taken: Socket[] = [];
  const left: (() => void)[] = [];
  return {
    taken,
    take(connection, onLeft) {
      taken.push(connection);
      left.push(() => onLeft(connection));
    },
    lose: () => left.splice(0).forEach((giveBack) => void giveBack()),
  };
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

test("[SUPERVISOR3] connections are dealt in turn, and those of a process that leaves or dies go to the others", async () => {
  const { dealer, dial } = await aDealer();
  const [one, two] = [aTaker(), aTaker()];
  const leave = dealer.add(one);
  dealer.add(two);
  for (let count = 0; count < 6; count++) dial();
  await until(() => one.taken.length + two.taken.length === 6);
  expect([one.taken.length, two.taken.length]).toEqual([3, 3]);
  leave();
  one.lose();
  expect(two.taken.length).toBe(6);
  dial();
  await until(() => two.taken.length === 7);
  expect(one.taken.length).toBe(3);
});

test("[SUPERVISOR3] who comes while no process serves waits for one, unread", async () => {
  const { dealer, dial } = await aDealer();
  const early = dial();
  await once(early, "connect");
  early.end("hello");
  const http = createServer({ allowHalfOpen: true }, (socket) =>
    socket.on("data", (said) => socket.end(`${said} you`)),
  );
  dealer.add({ take: (connection) => adopt(http as Server, connection) });
  expect(await textOf(early)).toBe("hello you");
});

test("[SUPERVISOR3] a server that listens on nothing answers what it is dealt, plain and by TLS", async () => {
  const { dealer, dial } = await aDealer();
  const plain = createHttp((_request, response) => setTimeout(() => response.end("late"), 20));
  const leave = dealer.add({ take: (connection) => adopt(plain, connection) });
  const asker = dial();
  asker.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  expect(await textOf(asker)).toMatch(/^HTTP\/1\.1 200 .*late/s);
  leave();
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
  const secure = createHttps({ key, cert }, (_request, response) => response.end("sealed"));
  dealer.add({ take: (connection) => adopt(secure as Server, connection) });
  const asked = request({ ...LOOPBACK, port: dealer.port, rejectUnauthorized: false }).end();
  const [response] = await once(asked, "response");
  expect(await textOf(response)).toBe("sealed");
});

test("[SUPERVISOR3] what a process did not live to be sent is given back", async () => {
  const { dealer, dial } = await aDealer();
  const folder = await mkdtemp(join(tmpdir(), "umpire-dealing-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "deaf.mjs");
  await writeFile(file, "process.send({ is: 'ready', metricsPort: 1 }, () => { for (;;); });");
  const child = launchChild({ file, args: [], environment: process.env }, createSystemClock());
  onTestFinished(() => child.kill());
  await child.ready;
  const [dealt, back]: [Socket[], Socket[]] = [[], []];
  dealer.add({
    take(connection) {
      dealt.push(connection);
      child.take(connection, (left) => void back.push(left));
    },
  });
  for (let count = 0; count < 20; count++) dial();
  await until(() => dealt.length === 20);
  expect(back).toEqual([]);
  child.kill();
  await child.ended;
  // The first was on its way: nobody can know whether it has been read.
  await until(() => back.length === 19);
});
