import { expect, test } from "vitest";
import { addressScopes } from "./address-scopes.ts";
import type { AppError } from "./errors.ts";
import { createInFlight, createRateLimit } from "./rate-limit.ts";

const limit = { count: 3, perSeconds: 60 };

/** How many of `addresses`, asked in turn, are let in. */
async function admitted(rateLimit: ReturnType<typeof createRateLimit>, addresses: readonly string[], door = "door") {
  let count = 0;
  for (const address of addresses) {
    const isIn = await rateLimit.takeForAddress(door, limit, address).then(
      () => true,
      () => false,
    );
    if (isIn) count++;
  }
  return count;
}

const times = (count: number, address: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => address(i));

test("[HTTP5] S16: an address belongs to its networks, however it is written", () => {
  const keys = (address: string) => addressScopes(address).map(({ key }) => key);
  expect(keys("203.0.113.7")).toEqual(["203.0.113.7", "203.0.113.0/24"]);
  expect(keys("2001:db8:1:2:3:4:5:6")).toEqual(["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"]);
  expect(keys("2001:0DB8:0001::9").slice(1)).toEqual(["2001:db8:1:0::/64", "2001:db8:1::/48"]);
  expect(keys("::1").slice(1)).toEqual(["0:0:0:0::/64", "0:0:0::/48"]);
  expect(keys("fe80::1%eth0").slice(1)).toEqual(["fe80:0:0:0::/64", "fe80:0:0::/48"]);
  expect(keys("64:ff9b::192.0.2.33").slice(1)).toEqual(["64:ff9b:0:0::/64", "64:ff9b:0::/48"]);
  expect(keys("loadtest:bot-1")).toEqual(["loadtest:bot-1"]);
  expect(keys("unknown")).toEqual(["unknown"]);
});

test("[HTTP5] S16: changing the address within a network gains a few allowances, not one per address", async () => {
  const ipv4 = createRateLimit();
  expect(
    await admitted(
      ipv4,
      times(10, () => "203.0.113.1"),
    ),
  ).toBe(3);
  expect(
    await admitted(
      ipv4,
      times(200, (i) => `203.0.113.${i + 2}`),
    ),
  ).toBe(3 * 8 - 3);
  expect(await admitted(ipv4, ["203.0.114.1"])).toBe(1);
  const ipv6 = createRateLimit();
  expect(
    await admitted(
      ipv6,
      times(10, () => "2001:db8:1:1::1"),
    ),
  ).toBe(3);
  expect(
    await admitted(
      ipv6,
      times(200, (i) => `2001:db8:1:1::${i + 2}`),
    ),
  ).toBe(3 * 2 - 3);
  expect(
    await admitted(
      ipv6,
      times(200, (i) => `2001:db8:1:${i + 2}::1`),
    ),
  ).toBe(3 * 8 - 3 * 2);
  expect(await admitted(ipv6, ["2001:db8:2:1::1"])).toBe(1);
});

test("[HTTP5] one address that is refused takes nothing from its neighbours", async () => {
  const rateLimit = createRateLimit();
  expect(
    await admitted(
      rateLimit,
      times(1000, () => "203.0.113.1"),
    ),
  ).toBe(3);
  expect(await admitted(rateLimit, ["203.0.113.2", "203.0.113.3"])).toBe(2);
});

test("[HTTP5] memory is bounded: who was seen longest ago is forgotten first", async () => {
  const rateLimit = createRateLimit({ keysMax: 100 });
  await admitted(
    rateLimit,
    times(3, () => "loadtest:old"),
  );
  await admitted(
    rateLimit,
    times(3, () => "loadtest:recent"),
  );
  await admitted(
    rateLimit,
    times(98, (i) => `loadtest:${i}`),
  );
  expect(await admitted(rateLimit, ["loadtest:recent"])).toBe(0);
  await admitted(
    rateLimit,
    times(98, (i) => `loadtest:again-${i}`),
  );
  expect(await admitted(rateLimit, ["loadtest:recent"])).toBe(0);
  expect(await admitted(rateLimit, ["loadtest:old"])).toBe(1);
});

test("[HTTP5] a refusal says when to come back, in whole seconds", async () => {
  const rateLimit = createRateLimit();
  for (let count = 0; count < 3; count++) await rateLimit.take("door", limit, "acc_1");
  const refusal = (await rateLimit.take("door", limit, "acc_1").catch((thrown: unknown) => thrown)) as AppError;
  expect(refusal).toMatchObject({ code: "RATE_LIMITED" });
  expect(refusal.details["retryAfterSeconds"]).toBeGreaterThan(0);
  expect(refusal.details["retryAfterSeconds"]).toBeLessThanOrEqual(60);
});

test("[HTTP5] requests that are still being answered are bounded for each address and for all", () => {
  const inFlight = createInFlight({ perKeyMax: 2, max: 3 });
  const leave = inFlight.enter("a");
  inFlight.enter("a");
  expect(() => inFlight.enter("a")).toThrow(expect.objectContaining({ code: "RATE_LIMITED" }));
  inFlight.enter("b");
  expect(() => inFlight.enter("c")).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
  leave();
  inFlight.enter("a");
});
