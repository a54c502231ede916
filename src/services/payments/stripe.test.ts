import { TestClock } from "../../platform/clock.ts";
import { describeProvider } from "../../testing/payments/provider-contract.ts";
import { createStripeStage } from "../../testing/payments/stripe-stage.ts";
import { createPaymentsWorld } from "../../testing/payments/world.ts";

const clock = new TestClock();
const stripe = await createStripeStage(clock);
const world = await createPaymentsWorld(clock, [stripe.provider]);
describeProvider(stripe.stage, world);
