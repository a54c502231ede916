import { TestClock } from "../../platform/clock.ts";
import { createAppleStage } from "../../testing/payments/apple-stage.ts";
import { describeProvider } from "../../testing/payments/provider-contract.ts";
import { createPaymentsWorld } from "../../testing/payments/world.ts";

const clock = new TestClock();
const apple = await createAppleStage(clock);
const world = await createPaymentsWorld(clock, [apple.provider]);
describeProvider(apple.stage, world);
