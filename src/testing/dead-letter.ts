import { createSystemClock } from "../platform/clock.ts";
import type { TestApp } from "./app.ts";
import { createLocalStage } from "./payments/local-stage.ts";

const stage = createLocalStage(createSystemClock());
const nobodys = { reference: "", currency: "EUR", amount: 499n, product: null, title: "Nothing" };

/** Has the local provider tell a server under test of a payment for no order, and gives the dead letter's name. */
export async function sendDeadLetter(app: Pick<TestApp, "url">): Promise<{ provider: string; eventId: string }> {
  const webhook = stage.deadLetters(nobodys)["no order of ours"];
  if (webhook === undefined) throw new Error("the stage has such a letter");
  const { status } = await fetch(`${app.url}/api/payments/webhooks/local`, {
    method: "POST",
    headers: { ...(webhook.headers as Record<string, string>), "content-type": "application/json" },
    body: Uint8Array.from(webhook.rawBody),
  });
  if (status !== 200) throw new Error(`the message was refused with ${status}`);
  return { provider: "local", eventId: JSON.parse(webhook.rawBody.toString()).id };
}
