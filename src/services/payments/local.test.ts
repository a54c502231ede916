import { expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createLocalStage } from "../../testing/payments/local-stage.ts";
import { describeProvider } from "../../testing/payments/provider-contract.ts";
import { createPaymentsWorld } from "../../testing/payments/world.ts";
import { createLocalProvider } from "./local.ts";

const clock = new TestClock();
const stage = createLocalStage(clock);
const world = await createPaymentsWorld(clock, [stage.provider]);
describeProvider(stage, world);

test("[PAYMENTS12] the local provider cannot be made in production", () => {
  const parts = { secret: "s".repeat(32), clock: new TestClock(), isProduction: true };
  expect(() => createLocalProvider(parts)).toThrow("does not exist in production");
});
