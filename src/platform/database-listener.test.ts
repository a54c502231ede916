import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../testing/app.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { TIMED } from "../testing/timed.ts";
import { createSystemClock } from "./clock.ts";
import { listen, TRUST_MS } from "./database-listener.ts";
import { createLog } from "./log.ts";

const database = await createTestDatabase();
const { sql } = database;
const lines: string[] = [];
const log = createLog({ level: "warn", destination: { write: (line) => void lines.push(line) } });
const say = (words: string) => sql`select pg_notify('chat', ${words})`;

/** A listener that remembers what it heard and how often it began to listen. */
function aListener(url = database.url, onNotified: (words: string) => unknown = () => {}) {
  const heard: string[] = [];
  let beginnings = 0;
  let isHearing = () => false;
  const listener = listen({
    url,
    clock: createSystemClock(),
    log,
    channel: "chat",
    onNotified(words) {
      heard.push(words);
      return onNotified(words);
    },
    onListening(hears) {
      beginnings++;
      isHearing = hears;
    },
  });
  onTestFinished(listener.stop);
  return { heard, beginnings: () => beginnings, isHearing: () => isHearing(), stop: listener.stop };
}

/** A way to the database that can be cut, or blocked so that nothing comes through and nobody is told. */
async function aProxy(port = 0) {
  const { hostname, port: serverPort, pathname, username } = new URL(database.url);
  const host = decodeURIComponent(hostname);
  const ways = new Set<Socket>();
  const server = createServer((near) => {
    const far = host.startsWith("/")
      ? connect(`${host}/.s.PGSQL.${serverPort}`)
      : connect({ host, port: Number(serverPort) });
    for (const end of [near, far]) {
      ways.add(end);
      end.on("error", () => {});
    }
    near.on("close", () => far.destroy()).pipe(far);
    far.on("close", () => near.destroy()).pipe(near);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a port");
  const stop = () => {
    server.close();
    for (const way of ways) way.destroy();
  };
  onTestFinished(stop);
  return {
    port: address.port,
    url: `postgres://${username}@127.0.0.1:${address.port}${pathname}`,
    stop,
    /** Connections that there are stay open and silent; new ones work. */
    block() {
      for (const way of ways) way.unpipe().pause();
      ways.clear();
    },
  };
}

test("[BAN7] a listener hears what is said, in order, whatever the one who hears it throws", async () => {
  const { heard, beginnings } = aListener(database.url, (words) => {
    if (words === "first") throw new Error("no");
  });
  await until(() => beginnings() === 1);
  for (const words of ["first", "second", "third"]) await say(words);
  await until(() => heard.length === 3);
  expect(heard).toEqual(["first", "second", "third"]);
});

test("[BAN7] a connection that was ended is replaced within a second, and the gap is told", async () => {
  const { heard, beginnings, stop } = aListener();
  await until(() => beginnings() === 1);
  await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where application_name = 'umpire listener' and datname = current_database()`;
  await until(() => beginnings() === 2, 1000);
  await say("again");
  await until(() => heard.includes("again"));
  await stop();
  await say("after the end");
  expect(heard).toEqual(["again"]);
});

test("[BAN7][BAN8] a connection that no longer answers is replaced, though nobody has closed it", TIMED, async () => {
  const proxy = await aProxy();
  const { heard, beginnings, isHearing } = aListener(proxy.url);
  await until(() => beginnings() === 1);
  expect(isHearing()).toBe(true);
  proxy.block();
  const blockedMs = performance.now();
  await until(() => !isHearing());
  expect(performance.now() - blockedMs).toBeLessThan(TRUST_MS + 200);
  expect(beginnings()).toBe(1);
  await until(() => beginnings() === 2, 6000);
  await say("through");
  await until(() => heard.includes("through"));
});

test("[BAN7] a database that is away for a while is asked again until it is there", async () => {
  const first = await aProxy();
  const { heard, beginnings, isHearing } = aListener(first.url);
  await until(() => beginnings() === 1);
  first.stop();
  const before = lines.length;
  await until(() => lines.length >= before + 3);
  expect(isHearing()).toBe(false);
  await aProxy(first.port);
  await until(() => beginnings() === 2, 3000);
  await say("back");
  await until(() => heard.includes("back"));
});
