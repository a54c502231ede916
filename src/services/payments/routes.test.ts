import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { BODY_BYTES_MAX, RAW_BODY_BYTES_MAX } from "../../../schema/protocol.ts";
import { createClientAddress } from "../../platform/client-address.ts";
import { TestClock } from "../../platform/clock.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import { createRoutes, type Principal } from "../../platform/http.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createOrigins } from "../../platform/origins.ts";
import { createRateLimit } from "../../platform/rate-limit.ts";
import { createFrontDoor } from "../../realtime/door/front-door.ts";
import { createLocalStage } from "../../testing/payments/local-stage.ts";
import { createStripeStage } from "../../testing/payments/stripe-stage.ts";
import { createPaymentsWorld } from "../../testing/payments/world.ts";
import { paymentsRoutes } from "./routes.ts";

const clock = new TestClock();
const stripe = await createStripeStage(clock);
const local = createLocalStage(clock);
const world = await createPaymentsWorld(clock, [stripe.provider, local.provider]);
const accountId = await world.anAccount();

/** The front door itself with these routes alone: whoever has a bearer token is the one player there is. */
async function listen(isProduction: boolean): Promise<string> {
  const metrics = createMetrics();
  const rateLimit = createRateLimit();
  const translate = createErrorTranslator({ ids: world.ids, log: createLog({ level: "silent" }) });
  const principal: Principal = { accountId, sessionId: world.ids.mint("session"), via: "bearer" };
  const principalOf = async ({ authorization }: IncomingHttpHeaders) =>
    authorization === undefined ? null : principal;
  const routes = createRoutes(paymentsRoutes(world.payments, { isProduction }), {
    principalOf,
    rateLimit,
    translate,
    metrics,
  });
  const door = createFrontDoor({
    routes,
    rateLimit,
    translate,
    metrics,
    reserveSeat: () => Promise.reject(new Error("no seats here")),
    lobbyFeed: null,
    pages: (_request, _response, next) => next(),
    isClosing: () => false,
    isDraining: () => false,
    clientAddress: createClientAddress({ trustedProxies: [], loadtestKey: null }),
    origins: createOrigins({ allowed: [], publicUrl: null }),
    isHttps: false,
  });
  const server = createServer(door);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/payments`;
}

const url = await listen(false);

async function post(path: string, body: Buffer | object, headers: object = {}) {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.isBuffer(body) ? Uint8Array.from(body) : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const asPlayer = { authorization: "Bearer me" };

test("[PAYMENTS12] on a desk the whole way can be walked: order, confirmation, goods, refund", async () => {
  const order = await post("/orders", { offer: "chest", provider: "local", key: "desk" }, asPlayer);
  expect(order).toMatchObject({ status: 200, body: { price: { currency: "EUR", amount: "499" } } });
  const { confirmation } = order.body["next"] as { confirmation: string };
  for (let turn = 0; turn < 2; turn++) {
    expect(await post("/local/confirm", { confirmation }, asPlayer)).toEqual({ status: 200, body: { ok: true } });
  }
  expect(await world.held(accountId)).toBe(1);
  expect(await post("/local/confirm", { confirmation, kind: "refunded" }, asPlayer)).toMatchObject({ status: 200 });
  expect(await world.held(accountId)).toBe(0);
  for (const forged of [`x${confirmation}`, `${confirmation}x`, confirmation.split(".")[0], "a.b"]) {
    const answer = await post("/local/confirm", { confirmation: forged }, asPlayer);
    expect(answer).toMatchObject({ status: 400, body: { code: "PAYMENTS_CONFIRMATION_REFUSED" } });
  }
});

test("[PAYMENTS14] S26: a webhook is judged by the bytes that came, and answered with success when it is stored", async () => {
  const bought = await world.anOrder(stripe.provider);
  const { rawBody, headers } = stripe.stage.paid(bought.placed);
  const send = (body: Buffer) => post("/webhooks/stripe", body, headers);
  for (const other of [
    Buffer.concat([rawBody, Buffer.from(" ")]),
    Buffer.from(JSON.stringify(JSON.parse(`${rawBody}`), null, 2)),
  ]) {
    expect(await send(other)).toMatchObject({ status: 400, body: { code: "PAYMENTS_WEBHOOK_REFUSED" } });
  }
  expect(await send(rawBody)).toEqual({ status: 200, body: { ok: true } });
  expect(await send(rawBody)).toEqual({ status: 200, body: { ok: true } });
  expect(await world.held(bought.accountId)).toBe(1);
  for (const webhook of Object.values(stripe.stage.deadLetters(bought.placed))) {
    expect((await post("/webhooks/stripe", webhook.rawBody, webhook.headers)).status).toBe(200);
  }
});

test("[PAYMENTS14] bytes that are no text reach the provider as they are", async () => {
  const body = Buffer.from([0x22, 0xff, 0xfe, 0x22]);
  expect((await post("/webhooks/stripe", body)).body).toMatchObject({ code: "PAYMENTS_WEBHOOK_REFUSED" });
});

test("[PAYMENTS14] S26: a webhook of 5 MB is refused unread, one of more than 64 KB is not, and other routes take no more", async () => {
  const { placed } = await world.anOrder(stripe.provider);
  const event = stripe.paid(placed);
  const padded = (bytes: number) => stripe.sign({ ...event, id: `evt_${bytes}`, padding: "x".repeat(bytes) });
  const send = async (bytes: number) => {
    const { rawBody, headers } = padded(bytes);
    return (await post("/webhooks/stripe", rawBody, headers)).status;
  };
  expect(await send(5 * 1024 * 1024)).toBe(413);
  expect(await send(RAW_BODY_BYTES_MAX)).toBe(413);
  expect(await send(BODY_BYTES_MAX * 2)).toBe(200);
  const large = { offer: "chest", provider: "local", key: "x".repeat(BODY_BYTES_MAX) };
  expect((await post("/orders", large, asPlayer)).status).toBe(413);
});

test("[PAYMENTS14] a provider that does not exist here has no webhook", async () => {
  for (const name of ["apple", "google", "paypal", "constructor"]) {
    expect((await post(`/webhooks/${name}`, {})).body).toMatchObject({ code: "PAYMENTS_PROVIDER_UNKNOWN" });
  }
});

test("[PAYMENTS12] in production there is no door for confirmations", async () => {
  const paths = (isProduction: boolean) => paymentsRoutes(world.payments, { isProduction }).map(({ path }) => path);
  expect(paths(false)).toContain("/api/payments/local/confirm");
  expect(paths(true)).not.toContain("/api/payments/local/confirm");
  // A shop asks by what one can pay here before it offers anything.
  const response = await fetch(`${url}/providers`);
  expect(await response.json()).toEqual({ providers: ["stripe", "local"] });
});
