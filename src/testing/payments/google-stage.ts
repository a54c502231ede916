import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from "node:crypto";
import { type Clock, createSystemClock } from "../../platform/clock.ts";
import { createGoogleProvider } from "../../services/payments/google.ts";
import type { PlacedOrder, Webhook } from "../../services/payments/provider.ts";
import { part } from "./certificates.ts";
import { startForeignServer } from "./foreign-server.ts";
import type { Stage } from "./stage.ts";

const PACKAGE = "com.example.game";
const AUDIENCE = "https://game.example/api/payments/webhooks/google";
const EMAIL = "push@example.iam.gserviceaccount.com";

/** What Play knows of a purchase. */
export interface PlayPurchase {
  state: "PURCHASED" | "CANCELLED" | "PENDING";
  product: string;
  account: string | null;
  quantity?: number;
  refundable?: number;
  isTest?: boolean;
}

/** Play's API over the purchases in `purchases`, and Google's keys. */
async function startPlay(publicKey: string) {
  const purchases = new Map<string, PlayPurchase>();
  const voided: { purchaseToken: string; voidedTimeMillis: string }[] = [];
  const consumed: string[] = [];
  /** While true, Play answers nothing but 503. */
  const trouble = { isDown: false };
  const server = await startForeignServer(({ method, url }) => {
    if (url.pathname === "/token") return { body: { access_token: "access", expires_in: 3600, token_type: "Bearer" } };
    if (url.pathname === "/oauth2/v1/certs") {
      return { headers: { "cache-control": "max-age=3600" }, body: { key: publicKey } };
    }
    if (trouble.isDown) return { status: 503, body: {} };
    const path = url.pathname.replace(`/androidpublisher/v3/applications/${PACKAGE}/purchases/`, "");
    if (path === "voidedpurchases") return { body: { voidedPurchases: voided } };
    const token = decodeURIComponent(
      path
        .split("/")
        .at(-1)
        ?.replace(/:consume$/, "") ?? "",
    );
    const found = purchases.get(token);
    if (found === undefined) return { status: 404, body: { error: { code: 404 } } };
    if (method === "POST") {
      consumed.push(token);
      return { status: 200, body: {} };
    }
    return { body: playJson(found) };
  });
  return { outbound: server.outbound, purchases, voided, consumed, trouble };
}

/** Google: Play's API over the purchases in `purchases`, and Pub/Sub, whose tokens are signed by a key of our own. */
async function createGoogleKit(clock: Clock, { isProduction = false } = {}) {
  const wall = createSystemClock();
  const oidc = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const foreign = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = (key: KeyObject, type: "spki" | "pkcs8") => key.export({ type, format: "pem" } as never).toString();
  const play = await startPlay(pem(oidc.publicKey, "spki"));
  const { outbound, purchases, voided, consumed, trouble } = play;
  const provider = createGoogleProvider({
    packageName: PACKAGE,
    account: { email: "game@example.iam.gserviceaccount.com", key: pem(oidc.privateKey, "pkcs8") },
    push: { audience: AUDIENCE, email: EMAIL },
    isProduction,
    outbound,
    clock,
  });
  const claims = () => {
    const iat = Math.floor(wall.now() / 1000);
    return {
      iss: "https://accounts.google.com",
      aud: AUDIENCE,
      email: EMAIL,
      email_verified: true,
      iat,
      exp: iat + 3600,
    };
  };
  const idToken = (payload: object = claims(), key: KeyObject = oidc.privateKey, kid = "key") => {
    const text = `${part({ alg: "RS256", kid, typ: "JWT" })}.${part(payload)}`;
    return `${text}.${signBytes("sha256", Buffer.from(text), key).toString("base64url")}`;
  };
  let count = 0;
  const push = (body: object, token = idToken()): Webhook => {
    const event = {
      version: "1.0",
      packageName: PACKAGE,
      eventTimeMillis: String(Math.floor(clock.now()) + ++count),
      ...body,
    };
    const data = Buffer.from(JSON.stringify(event)).toString("base64");
    const message = { message: { messageId: `msg-${count}`, data }, subscription: "projects/x/subscriptions/y" };
    return { rawBody: Buffer.from(JSON.stringify(message)), headers: { authorization: `Bearer ${token}` } };
  };
  const tokenOf = ({ reference }: PlacedOrder) => `play.${reference}`;
  const buy = (order: PlacedOrder, changes: Partial<PlayPurchase> = {}) => {
    const purchase = {
      state: "PURCHASED" as const,
      product: order.product ?? "",
      account: order.reference,
      ...changes,
    };
    purchases.set(tokenOf(order), purchase);
    return tokenOf(order);
  };
  const purchased = (token: string, notificationType = 1) =>
    push({ oneTimeProductNotification: { version: "1.0", notificationType, purchaseToken: token } });
  const voidedNote = (token: string, refundType = 1) =>
    push({ voidedPurchaseNotification: { purchaseToken: token, orderId: "GPA.1", productType: 2, refundType } });
  return {
    provider,
    purchases,
    voided,
    consumed,
    trouble,
    buy,
    purchased,
    voidedNote,
    push,
    idToken,
    tokenOf,
    claims,
    oidc,
    foreign,
    pem,
  };
}

/** A kit, and the stage that is made of it. */
export async function createGoogleStage(clock: Clock, options: { readonly isProduction?: boolean } = {}) {
  const kit = await createGoogleKit(clock, options);
  return { ...kit, stage: stageOf(kit) };
}

type GoogleKit = Awaited<ReturnType<typeof createGoogleKit>>;

function stageOf({
  provider,
  buy,
  purchased,
  voidedNote,
  push,
  claims,
  idToken,
  oidc,
  foreign,
  pem,
}: GoogleKit): Stage {
  return {
    provider,
    lives: [
      (order) => {
        const token = buy(order, { refundable: 0 });
        const webhooks = [
          purchased(token),
          purchased(token),
          voidedNote(token, 2),
          voidedNote(token),
          purchased(token),
        ];
        return { name: "voided", webhooks, isEntitled: false };
      },
      (order) => {
        const token = buy(order);
        const webhooks = [purchased(token), purchased(token), voidedNote(token), purchased(token), purchased(token)];
        return { name: "voided, though Play's answer does not show it", webhooks, isEntitled: false };
      },
      (order) => {
        const token = buy(order);
        const webhooks = [purchased(token), purchased(token), voidedNote(token, 2), purchased(token), purchased(token)];
        return { name: "kept", webhooks, isEntitled: true };
      },
    ],
    paid: (order) => purchased(buy(order)),
    forgeries(webhook) {
      const by = (token: string): Webhook => ({ ...webhook, headers: { authorization: `Bearer ${token}` } });
      const [header = "", payload = "", signature = ""] = idToken().split(".");
      const hmac = createHmac("sha256", pem(oidc.publicKey, "spki"));
      const symmetric = `${part({ alg: "HS256", kid: "key" })}.${payload}`;
      const old = claims().iat - 7200;
      return {
        "without a token": { ...webhook, headers: {} },
        "alg none": by(`${part({ alg: "none", kid: "key" })}.${payload}.`),
        "alg HS256 with the public key as secret": by(`${symmetric}.${hmac.update(symmetric).digest("base64url")}`),
        "a stranger's key": by(idToken(claims(), foreign.privateKey)),
        "an unknown key": by(idToken(claims(), foreign.privateKey, "other")),
        truncated: by(`${header}.${payload}`),
        "another payload": by(`${header}.${part({ ...claims(), email: "x@example.com" })}.${signature}`),
        "another audience": by(idToken({ ...claims(), aud: "https://other.example" })),
        "another issuer": by(idToken({ ...claims(), iss: "https://evil.example" })),
        "another account": by(idToken({ ...claims(), email: "other@example.com" })),
        "an address nobody has verified": by(idToken({ ...claims(), email_verified: false })),
        "an old token": by(idToken({ ...claims(), iat: old, exp: old + 3600 })),
        "a body that is no message": { ...webhook, rawBody: Buffer.from("{}") },
        "a body that is no JSON": { ...webhook, rawBody: Buffer.from("{") },
      };
    },
    deadLetters: (order) => ({
      "unknown type": push({ subscriptionNotification: { purchaseToken: "x" } }),
      "another package": push({
        packageName: "com.example.other",
        oneTimeProductNotification: { purchaseToken: buy(order) },
      }),
      "no such purchase": purchased("nobody"),
      "no order of ours": purchased(
        buy({ ...order, reference: `${order.reference}.1` }, { account: "6f1fb4a5-4b1d-4c39-8a0e-0f4d1e0f4d1e" }),
      ),
      "another product than ordered": purchased(
        buy({ ...order, reference: `${order.reference}.2` }, { account: order.reference, product: "palace" }),
      ),
      "unknown product": purchased(
        buy({ ...order, reference: `${order.reference}.3` }, { account: null, product: "none" }),
      ),
    }),
  };
}

function playJson({ state, product, account, quantity = 1, refundable = quantity, isTest = false }: PlayPurchase) {
  return {
    kind: "androidpublisher#productPurchaseV2",
    orderId: "GPA.1",
    productLineItem: [
      {
        productId: product,
        productOfferDetails: {
          quantity,
          refundableQuantity: refundable,
          consumptionState: "CONSUMPTION_STATE_YET_TO_BE_CONSUMED",
        },
      },
    ],
    purchaseStateContext: { purchaseState: state },
    ...(isTest && { testPurchaseContext: { fopType: "TEST" } }),
    ...(account !== null && { obfuscatedExternalAccountId: account }),
    acknowledgementState: "ACKNOWLEDGEMENT_STATE_PENDING",
  };
}
