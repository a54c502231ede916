import { TestClock } from "../../platform/clock.ts";
import { createGoogleStage } from "../../testing/payments/google-stage.ts";
import { describeProvider } from "../../testing/payments/provider-contract.ts";
import { createPaymentsWorld } from "../../testing/payments/world.ts";

const clock = new TestClock();
const google = await createGoogleStage(clock);
const world = await createPaymentsWorld(clock, [google.provider]);
describeProvider(google.stage, world);
