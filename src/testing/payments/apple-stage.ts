import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { createAppleProvider } from "../../services/payments/apple.ts";
import type { PlacedOrder, Webhook } from "../../services/payments/provider.ts";
import {
  APPLE_INTERMEDIATE_MARK,
  APPLE_LEAF_MARK,
  type Certificate,
  issueCertificate,
  part,
  signWithChain,
} from "./certificates.ts";
import { startForeignServer } from "./foreign-server.ts";
import { type Stage, spoilt } from "./stage.ts";

const BUNDLE = "com.example.game";

/** A chain like Apple's under a root of our own. */
export function appleChain(): { root: Certificate; chain: readonly Certificate[] } {
  const root = issueCertificate({ name: "Root", isAuthority: true });
  const middle = issueCertificate({ name: "Middle", issuer: root, isAuthority: true, mark: APPLE_INTERMEDIATE_MARK });
  const leaf = issueCertificate({ name: "Leaf", issuer: middle, isAuthority: false, mark: APPLE_LEAF_MARK });
  return { root, chain: [leaf, middle, root] };
}

interface AppleOptions {
  readonly isProduction?: boolean;
  readonly hasApi?: boolean;
}

/** The App Store Server API. */
async function startAppleApi() {
  /** The latest that Apple would say, by transaction. */
  const latest = new Map<string, string>();
  const server = await startForeignServer(({ url }) => {
    const signedTransactionInfo = latest.get(url.pathname.split("/").at(-1) ?? "");
    return signedTransactionInfo === undefined
      ? { status: 404, body: { errorCode: 4040010, errorMessage: "not found" } }
      : { body: { signedTransactionInfo } };
  });
  return { ...server, latest };
}

/** The App Store: what it signs, its notifications, and a server for its API. */
async function createAppleKit(clock: Clock, { isProduction = false, hasApi = false }: AppleOptions = {}) {
  const { root, chain } = appleChain();
  const environment = isProduction ? "Production" : "Sandbox";
  const { latest, ...server } = await startAppleApi();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const provider = createAppleProvider({
    bundleId: BUNDLE,
    appId: isProduction ? 4711 : null,
    roots: [root.der],
    isProduction,
    api: hasApi ? { issuerId: "issuer", keyId: "key", key } : null,
    outbound: server.outbound,
  });
  let count = 0;
  const transaction = (changes: object = {}) => {
    const signedDate = Math.floor(clock.now()) + ++count * 1000;
    return {
      transactionId: `2000${count}`,
      originalTransactionId: `2000${count}`,
      bundleId: BUNDLE,
      productId: "com.example.chest",
      type: "Consumable",
      inAppOwnershipType: "PURCHASED",
      quantity: 1,
      signedDate,
      purchaseDate: signedDate,
      environment,
      ...changes,
    };
  };
  const sign = (payload: object, by: readonly Certificate[] = chain) => signWithChain(payload, by);
  const notification = (notificationType: string, payload: object | null, changes: object = {}) => ({
    notificationType,
    notificationUUID: randomUUID(),
    version: "2.0",
    signedDate: Math.floor(clock.now()) + count * 1000,
    data: {
      bundleId: BUNDLE,
      environment,
      ...(isProduction && { appAppleId: 4711 }),
      ...(payload !== null && { signedTransactionInfo: sign(payload) }),
      ...changes,
    },
  });
  const post = (signedPayload: string): Webhook => ({
    rawBody: Buffer.from(JSON.stringify({ signedPayload })),
    headers: {},
  });
  const bought = ({ reference, product }: PlacedOrder) => ({
    appAccountToken: reference,
    productId: product,
    transactionId: `3${reference.replaceAll("-", "")}`,
  });
  const lifeOf = (name: string, kinds: readonly string[], isEntitled: boolean) => (order: PlacedOrder) => {
    let revoked = false;
    const bodies = kinds.map((kind) => {
      if (kind === "REFUND") revoked = true;
      if (kind === "REFUND_REVERSED") revoked = false;
      const now = transaction(bought(order));
      return notification(kind, { ...now, ...(revoked && { revocationDate: now.signedDate, revocationReason: 0 }) });
    });
    const first = bodies[0];
    const replay = { ...first, notificationUUID: randomUUID() };
    return { name, webhooks: [...bodies, replay].map((body) => post(sign(body))), isEntitled };
  };
  return {
    provider,
    chain,
    root,
    transaction,
    bought,
    sign,
    notification,
    post,
    latest,
    asked: server.asked,
    lifeOf,
    isProduction,
  };
}

/** A kit, and the stage that is made of it. */
export async function createAppleStage(clock: Clock, options: AppleOptions = {}) {
  const kit = await createAppleKit(clock, options);
  return { ...kit, stage: stageOf(kit) };
}

type AppleKit = Awaited<ReturnType<typeof createAppleKit>>;

function stageOf({
  provider,
  sign,
  chain,
  root,
  transaction,
  bought,
  notification,
  post,
  lifeOf,
  isProduction,
}: AppleKit): Stage {
  return {
    provider,
    lives: [
      lifeOf("refunded", ["ONE_TIME_CHARGE", "CONSUMPTION_REQUEST", "REFUND_DECLINED", "REFUND"], false),
      lifeOf("reversed", ["ONE_TIME_CHARGE", "CONSUMPTION_REQUEST", "REFUND", "REFUND_REVERSED"], true),
    ],
    paid: (order) => post(sign(notification("ONE_TIME_CHARGE", transaction(bought(order))))),
    forgeries(webhook) {
      const { signedPayload } = JSON.parse(webhook.rawBody.toString());
      const [header = "", body = "", signature = ""] = signedPayload.split(".");
      const payload = JSON.parse(Buffer.from(body, "base64url").toString());
      const foreign = appleChain();
      const unmarked = issueCertificate({ name: "Leaf", issuer: chain[1] as Certificate, isAuthority: false });
      return {
        spoilt: spoilt(webhook),
        "not JSON": { ...webhook, rawBody: Buffer.from(signedPayload) },
        truncated: post(`${header}.${body}`),
        "without signature": post(`${header}.${body}.`),
        "with half a signature": post(`${header}.${body}.${signature.slice(0, 40)}`),
        "alg none": post(`${part({ alg: "none" })}.${body}.`),
        "alg none with the chain": post(
          `${part({ ...JSON.parse(Buffer.from(header, "base64url").toString()), alg: "none" })}.${body}.${signature}`,
        ),
        "alg HS256 with the certificate as secret": post(
          `${part({ ...JSON.parse(Buffer.from(header, "base64url").toString()), alg: "HS256" })}.${body}.${signature}`,
        ),
        "another body": post(`${header}.${part({ ...payload, notificationType: "REFUND" })}.${signature}`),
        "a foreign chain": post(sign(payload, foreign.chain)),
        "a foreign chain with our root at its end": post(sign(payload, [...foreign.chain.slice(0, 2), root])),
        "a leaf without Apple's mark": post(sign(payload, [unmarked, ...chain.slice(1)])),
        "a chain that lacks its middle": post(sign(payload, [chain[0] as Certificate, root])),
        "another app": post(sign({ ...payload, data: { ...payload.data, bundleId: "com.example.other" } })),
        "the other environment": post(
          sign({ ...payload, data: { ...payload.data, environment: isProduction ? "Sandbox" : "Production" } }),
        ),
      };
    },
    deadLetters: (order) => ({
      "unknown type": post(sign(notification("SUBSCRIBED", transaction(bought(order))))),
      "no order of ours": post(
        sign(notification("ONE_TIME_CHARGE", transaction({ ...bought(order), appAccountToken: randomUUID() }))),
      ),
      "another product than ordered": post(
        sign(notification("ONE_TIME_CHARGE", transaction({ ...bought(order), productId: "com.example.palace" }))),
      ),
      "unknown product": post(sign(notification("ONE_TIME_CHARGE", transaction({ productId: "com.example.none" })))),
      "family-shared": post(
        sign(notification("ONE_TIME_CHARGE", transaction({ ...bought(order), inAppOwnershipType: "FAMILY_SHARED" }))),
      ),
      "a transaction of another app": post(
        sign(notification("ONE_TIME_CHARGE", transaction({ ...bought(order), bundleId: "com.example.other" }))),
      ),
      "a subscription": post(
        sign(notification("ONE_TIME_CHARGE", transaction({ ...bought(order), type: "Auto-Renewable Subscription" }))),
      ),
    }),
  };
}
