import { JWT, OAuth2Client } from "google-auth-library";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { bearerToken } from "../../platform/http.ts";
import type { Outbound } from "../../platform/outbound.ts";
import { startInShop } from "./apple.ts";
import { DeadLetter, type Fact, type Provider, readJson, type Webhook } from "./provider.ts";

interface GoogleParts {
  readonly packageName: string;
  /** The service account that may look at purchases. */
  readonly account: { readonly email: string; readonly key: string };
  /** Who Pub/Sub says that its messages are for, and who sends them. */
  readonly push: { readonly audience: string; readonly email: string };
  readonly isProduction: boolean;
  readonly outbound: Outbound;
  readonly clock: Clock;
}

const API = "https://androidpublisher.googleapis.com/androidpublisher/v3/applications";
const SCOPE = "https://www.googleapis.com/auth/androidpublisher";

const purchaseToken = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[\w.~:-]+$/);
const envelope = z.object({
  message: z.object({ messageId: z.string().min(1).max(255), data: z.base64().max(100_000) }),
});
const notification = z.object({
  packageName: z.string().max(255),
  eventTimeMillis: z.coerce.number().int().min(0),
  oneTimeProductNotification: z.object({ purchaseToken }).optional(),
  voidedPurchaseNotification: z.object({ purchaseToken, refundType: z.number().int().default(1) }).optional(),
  testNotification: z.object({}).optional(),
});
const purchase = z.object({
  productLineItem: z
    .array(
      z.object({
        productId: z.string().min(1).max(128),
        productOfferDetails: z
          .object({
            quantity: z.number().int().min(1).max(1000).default(1),
            refundableQuantity: z.number().int().min(0).optional(),
          })
          .default({ quantity: 1 }),
      }),
    )
    .length(1),
  purchaseStateContext: z.object({ purchaseState: z.string().max(64) }),
  testPurchaseContext: z.object({}).optional(),
  obfuscatedExternalAccountId: z.string().max(64).nullish(),
});
const voidedList = z.object({
  voidedPurchases: z.array(z.object({ purchaseToken, voidedTimeMillis: z.coerce.number().int().min(0) })).default([]),
  tokenPagination: z.object({ nextPageToken: z.string().max(1024).optional() }).optional(),
});

/**
 * Google Play. Its notifications only say that something happened to a purchase; what, is asked. An answer is dated by the
 * moment of the question: whatever changed before it is in it, and whatever changes later brings another notification.
 */
export function createGoogleProvider(parts: GoogleParts): Provider {
  const transporterOptions = { fetchImplementation: parts.outbound as typeof fetch, retry: false };
  const oidc = new OAuth2Client({ transporterOptions });
  const account = new JWT({ ...parts.account, scopes: [SCOPE], transporterOptions });
  const ask = createAsk(parts, account);
  const fetchTruth = async (token: string): Promise<Fact> => {
    const atMs = Math.floor(parts.clock.now());
    const found = await ask(`purchases/productsv2/tokens/${encodeURIComponent(token)}`);
    return factOf(purchase.safeParse(found), { token, atMs });
  };
  return {
    name: "google",
    async verify(webhook) {
      await proveSender(oidc, webhook, parts);
      const parsed = envelope.safeParse(readJson(webhook.rawBody));
      if (!parsed.success) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
      return { eventId: parsed.data.message.messageId };
    },
    async read(rawBody) {
      const { data } = envelope.parse(readJson(rawBody)).message;
      const parsed = notification.safeParse(readJson(Buffer.from(data, "base64")));
      if (!parsed.success) throw new DeadLetter("unknown form");
      const { packageName, oneTimeProductNotification, voidedPurchaseNotification, eventTimeMillis } = parsed.data;
      if (packageName !== parts.packageName) throw new DeadLetter("another package");
      if (parsed.data.testNotification !== undefined) return [];
      if (voidedPurchaseNotification?.refundType === 1) {
        return [voidedFact(voidedPurchaseNotification.purchaseToken, eventTimeMillis)];
      }
      const told = oneTimeProductNotification ?? voidedPurchaseNotification;
      if (told === undefined) throw new DeadLetter("unknown type");
      return [await fetchTruth(told.purchaseToken)];
    },
    start: async (order) => startInShop(order),
    async readReceipt(receipt) {
      if (!purchaseToken.safeParse(receipt).success) throw new AppError("PAYMENTS_RECEIPT_REFUSED", { reason: "form" });
      return fetchTruth(receipt).catch((thrown: unknown) => {
        throw thrown instanceof DeadLetter
          ? new AppError("PAYMENTS_RECEIPT_REFUSED", { reason: thrown.problem })
          : thrown;
      });
    },
    fetchTruth,
    async listVoided({ sinceMs, token }) {
      const query = new URLSearchParams({ startTime: String(sinceMs), ...(token !== null && { token }) });
      const { voidedPurchases, tokenPagination } = voidedList.parse(await ask(`purchases/voidedpurchases?${query}`));
      const facts = voidedPurchases.map((found) => voidedFact(found.purchaseToken, found.voidedTimeMillis));
      return { facts, next: tokenPagination?.nextPageToken ?? null };
    },
    // Consuming acknowledges, and lets it be bought again: what a player owns is kept here, not on the device.
    async acknowledge({ transactionId, product }) {
      const path = `purchases/products/${encodeURIComponent(product)}/tokens/${encodeURIComponent(transactionId)}`;
      await ask(`${path}:consume`, "POST");
    },
  };
}

/** Pub/Sub signs who it is and whom it speaks to, not what it says: the body is believed because of its sender. */
async function proveSender(oidc: OAuth2Client, { headers }: Webhook, { push }: GoogleParts): Promise<void> {
  const idToken = bearerToken(headers.authorization);
  if (idToken === null) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
  const certificates = await oidc.getFederatedSignonCertsAsync().catch((cause: unknown) => {
    throw new AppError("PAYMENTS_PROVIDER_UNREACHABLE", {}, cause);
  });
  const issuers = ["https://accounts.google.com", "accounts.google.com"];
  const ticket = await oidc
    .verifySignedJwtWithCertsAsync(idToken, certificates.certs, push.audience, issuers)
    .catch(() => null);
  const claims = ticket?.getPayload();
  if (claims?.email !== push.email || claims.email_verified !== true) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
}

type Ask = (path: string, method?: "GET" | "POST") => Promise<unknown>;

function createAsk({ packageName, outbound }: GoogleParts, account: JWT): Ask {
  return async (path, method = "GET") => {
    const unreachable = (cause: unknown): never => {
      throw new AppError("PAYMENTS_PROVIDER_UNREACHABLE", {}, cause);
    };
    const { token } = await account.getAccessToken().catch(unreachable);
    const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
    const answer = await outbound(`${API}/${encodeURIComponent(packageName)}/${path}`, { method, headers }).catch(
      unreachable,
    );
    // Another app's purchase, or nobody's.
    if ([400, 404, 410].includes(answer.status)) throw new DeadLetter("no such purchase");
    if (!answer.ok) return unreachable(new Error(`Google Play answered ${answer.status}`));
    const text = await answer.text();
    return text === "" ? {} : JSON.parse(text);
  };
}

function factOf(
  found: z.ZodSafeParseResult<z.infer<typeof purchase>>,
  { token, atMs }: { token: string; atMs: number },
) {
  if (!found.success) throw new DeadLetter("unknown form of a purchase");
  const { productLineItem, purchaseStateContext, testPurchaseContext, obfuscatedExternalAccountId } = found.data;
  const [item] = productLineItem;
  const state = purchaseStateContext.purchaseState;
  const isTakenBack = item?.productOfferDetails.refundableQuantity === 0;
  const fact: Fact = {
    transactionId: token,
    reference: obfuscatedExternalAccountId ?? null,
    product: item?.productId ?? null,
    money: null,
    quantity: item?.productOfferDetails.quantity ?? 1,
    isTest: testPurchaseContext !== undefined,
    claims: {
      payment: { value: state === "PURCHASED" ? "paid" : state === "CANCELLED" ? "failed" : "pending", atMs },
      ...(isTakenBack && { refund: { value: "refunded", atMs } }),
    },
  };
  return fact;
}

/** Google takes nothing back twice, and gives nothing back. */
function voidedFact(token: string, atMs: number): Fact {
  return {
    transactionId: token,
    reference: null,
    product: null,
    money: null,
    quantity: 1,
    isTest: false,
    claims: { refund: { value: "refunded", atMs } },
  };
}
