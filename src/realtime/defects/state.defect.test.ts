import { expect, test } from "vitest";
import { until } from "../../testing/app.ts";
import { ITEMS, type Warehouse } from "../../testing/stacks/boards.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";

const stack = await useStack();

test("[DEFECT1] E: a state of many times 16 KB reaches a player who sees it through a view whole", async () => {
  const server = await stack();
  const room = await server.joinSdk<Warehouse>("warehouse");
  await until(() => room.state?.items?.size);
  const whole = [...room.state.items.values()].filter(({ n, words }) => words === `item number ${n}`);
  expect({ items: whole.length, secrets: room.state.secrets?.size }).toEqual({ items: ITEMS, secrets: 1 });
  await room.leave();
});

test("[DEFECT1] F: what a shared view begins to show reaches everyone who looks through it", async () => {
  const server = await stack();
  const rooms = [await server.joinSdk<Warehouse>("team"), await server.joinSdk<Warehouse>("team")];
  for (const room of rooms) await until(() => room.state?.items?.size);
  rooms[0]?.send("reveal");
  const secrets = () => rooms.map((room) => room.state.secrets?.size ?? 0);
  await until(() => !secrets().includes(0), 1000).catch(() => {});
  expect(secrets()).toEqual([1, 1]);
  await Promise.all(rooms.map((room) => room.leave()));
});
