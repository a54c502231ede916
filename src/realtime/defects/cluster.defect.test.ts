import { afterAll, expect, test } from "vitest";
import { aPrefix, openUpRedis, startKillableRedis } from "../../testing/redis.ts";
import { SetupFailed, type Stack } from "../../testing/stacks/stack.ts";
import { useStacks } from "../../testing/stacks/stack-under-test.ts";

/** What goes wrong between two processes that share a Redis. */
const server = await startKillableRedis();
const prefix = aPrefix();
const redis = await openUpRedis({ url: server.url, prefix });
afterAll(() => redis.close());
const [one, two] = (await useStacks(2, { REDIS_URL: server.url, REDIS_PREFIX: prefix })) as [Stack, Stack];
const rooms = () => Promise.all([one, two].map((stack) => stack.ask<number>("rooms")));

test("[DEFECT1] F21: ten rooms that are made at once are spread over two processes", async () => {
  // Each process has told of itself by then, and is calm.
  const callers = await Promise.all(Array.from({ length: 10 }, () => one.caller()));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const lanes = callers.map((caller, lane) =>
    one.matchmake(caller, "joinOrCreate", "yard", { options: { lane: `${lane}` } }),
  );
  const failed = (await Promise.all(lanes)).find(({ status }) => status !== 200);
  if (failed !== undefined) throw new SetupFailed(JSON.stringify(failed.body));
  const [here = 0, there = 0] = await rooms();
  if (here + there !== 10) throw new SetupFailed(`${here} and ${there} rooms`);
  expect(Math.abs(here - there), `${here}:${there}`).toBeLessThanOrEqual(2);
});

test("[DEFECT1] S39: whoever can publish on Redis can call no method of a room", async () => {
  const caller = await one.caller();
  const seat = (await one.matchmake(caller, "joinOrCreate", "yard", { options: { lane: "attacked" } })).body as never;
  // It may be in either process.
  const visitor = await one.sit(seat, caller).catch(() => two.sit(seat, caller));
  const publish = (channel: string) =>
    redis.call((client) => client.publish(channel, JSON.stringify(["disconnect", "x", [4000]])));
  for (const start of ["", `${prefix}:`]) await publish(`${start}$${visitor.roomId}`);
  const closed = await Promise.race([
    visitor.socket.closed,
    new Promise((resolve) => setTimeout(resolve, 500, "open")),
  ]);
  visitor.socket.destroy();
  expect({ closed }).toEqual({ closed: "open" });
});
