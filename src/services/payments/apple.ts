import {
  AppStoreServerAPIClient,
  Environment,
  type JWSTransactionDecodedPayload,
  SignedDataVerifier,
  VerificationException,
  VerificationStatus,
} from "@apple/app-store-server-library";
import { z } from "zod";
import { AppError } from "../../platform/errors.ts";
import type { Outbound } from "../../platform/outbound.ts";
import { DeadLetter, type Fact, type PlacedOrder, type Provider, readJson } from "./provider.ts";

interface AppleParts {
  readonly bundleId: string;
  /** The app's number in the App Store; production insists on it. */
  readonly appId: number | null;
  /** The roots that a chain of certificates may lead to, as DER or PEM, and no others. */
  readonly roots: readonly Buffer[];
  readonly isProduction: boolean;
  /** For questions to the App Store. Without it a receipt and the notifications are all that is known. */
  readonly api: { readonly issuerId: string; readonly keyId: string; readonly key: string } | null;
  readonly outbound: Outbound;
}

/** A signed transaction is about 3 KB, with its chain of certificates. */
const JWS_CHARS_MAX = 32_768;
const jws = z
  .string()
  .max(JWS_CHARS_MAX)
  .regex(/^[\w-]+\.[\w-]+\.[\w-]+$/);
const envelope = z.object({ signedPayload: jws });
const payload = z.object({
  transactionId: z.string().min(1).max(64),
  productId: z.string().min(1).max(128),
  type: z.enum(["Consumable", "Non-Consumable"]),
  inAppOwnershipType: z.string().max(32),
  quantity: z.number().int().min(1).max(1000).default(1),
  signedDate: z.number().int().min(0),
  revocationDate: z.number().int().nullish(),
  appAccountToken: z.uuid().nullish(),
});

const TELLS_OF_TRANSACTION = /^(ONE_TIME_CHARGE|REFUND|REFUND_REVERSED|REFUND_DECLINED|CONSUMPTION_REQUEST|REVOKE)$/;

/**
 * The App Store: transactions signed by Apple (StoreKit 2), and its notifications, version 2. Each tells the whole state
 * of a transaction at the moment it was signed, so the latest signed holds.
 */
export function createAppleProvider(parts: AppleParts): Provider {
  const environment = parts.isProduction ? Environment.PRODUCTION : Environment.SANDBOX;
  const roots = [...parts.roots];
  // Without online checks: certificates are judged by the moment of the signature, and no stranger's address is asked.
  const verifier = new SignedDataVerifier(roots, false, environment, parts.bundleId, parts.appId ?? undefined);
  const client = parts.api === null ? null : createClient({ ...parts, ...parts.api, environment });
  const readTransaction = async (text: string) => factOf(await verifier.verifyAndDecodeTransaction(text), parts);
  const fetchTruth = async (transactionId: string): Promise<Fact> => {
    const answer = await client?.getTransactionInfo(transactionId).catch((cause: unknown) => {
      throw new AppError("PAYMENTS_PROVIDER_UNREACHABLE", {}, cause);
    });
    return readTransaction(jws.parse(answer?.signedTransactionInfo));
  };
  return {
    name: "apple",
    async verify({ rawBody }) {
      const notification = await verifier.verifyAndDecodeNotification(signedPayload(rawBody)).catch(refuse);
      if (notification.notificationUUID === undefined) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
      return { eventId: notification.notificationUUID };
    },
    async read(rawBody) {
      const { notificationType = "", data } = await verifier.verifyAndDecodeNotification(signedPayload(rawBody));
      if (notificationType === "TEST") return [];
      if (!TELLS_OF_TRANSACTION.test(notificationType)) throw new DeadLetter(`unknown type ${notificationType}`);
      const signed = jws.safeParse(data?.signedTransactionInfo);
      if (!signed.success) throw new DeadLetter(`${notificationType} without a transaction`);
      return [await readTransaction(signed.data).catch(bury)];
    },
    start: async (order) => startInShop(order),
    async readReceipt(receipt) {
      if (!jws.safeParse(receipt).success) throw new AppError("PAYMENTS_RECEIPT_REFUSED", { reason: "form" });
      const shown = await readTransaction(receipt).catch(refuseReceipt);
      // What the player shows may be from before a refund.
      return client === null ? shown : fetchTruth(shown.transactionId).catch(refuseReceipt);
    },
    ...(client !== null && { fetchTruth }),
  };
}

/** For shops on the device: the order's reference goes with the purchase and comes back signed. */
export async function startInShop({ product, reference }: PlacedOrder) {
  if (product === null) throw new AppError("PAYMENTS_OFFER_UNAVAILABLE");
  return { next: { kind: "shop" as const, product, accountToken: reference }, providerReference: null };
}

function signedPayload(rawBody: Buffer): string {
  const parsed = envelope.safeParse(readJson(rawBody));
  if (!parsed.success) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
  return parsed.data.signedPayload;
}

function factOf(decoded: JWSTransactionDecodedPayload, { isProduction }: AppleParts): Fact {
  const parsed = payload.safeParse(decoded);
  if (!parsed.success) throw new DeadLetter(`unknown form of a transaction: ${decoded.type ?? "no type"}`);
  const { transactionId, productId, quantity, revocationDate, appAccountToken, ...found } = parsed.data;
  // The family shares the app, not what one of them bought in it.
  if (found.inAppOwnershipType !== "PURCHASED") throw new DeadLetter("family-shared");
  const atMs = found.signedDate;
  return {
    transactionId,
    reference: appAccountToken?.toLowerCase() ?? null,
    product: productId,
    money: null,
    quantity,
    isTest: !isProduction,
    claims: {
      payment: { value: "paid", atMs },
      refund: { value: typeof revocationDate === "number" ? "refunded" : "none", atMs },
    },
  };
}

/** Never more than the fact: what the library says may recite what it was given. */
function refuse(): never {
  throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
}

function bury(thrown: unknown): never {
  throw thrown instanceof VerificationException ? new DeadLetter("its transaction does not verify") : thrown;
}

function refuseReceipt(thrown: unknown): never {
  if (thrown instanceof AppError) throw thrown;
  throw new AppError("PAYMENTS_RECEIPT_REFUSED", { reason: reasonOf(thrown) });
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof DeadLetter) return thrown.problem;
  if (!(thrown instanceof VerificationException)) return "form";
  if (thrown.status === VerificationStatus.INVALID_ENVIRONMENT) return "environment";
  return thrown.status === VerificationStatus.INVALID_APP_IDENTIFIER ? "app" : "signature";
}

interface ClientParts extends Pick<AppleParts, "bundleId" | "outbound"> {
  readonly issuerId: string;
  readonly keyId: string;
  readonly key: string;
  readonly environment: Environment;
}

type LibraryAnswer = ReturnType<AppStoreServerAPIClient["makeFetchRequest"]>;

/** The library's client, asking by way of our `fetch`: its own has no limit of time or size. */
function createClient({ outbound, environment, ...parts }: ClientParts): AppStoreServerAPIClient {
  const host = environment === Environment.PRODUCTION ? "api.storekit.apple.com" : "api.storekit-sandbox.apple.com";
  class LimitedClient extends AppStoreServerAPIClient {
    protected override makeFetchRequest(
      path: string,
      query: URLSearchParams,
      method: string,
      body: string | Buffer | undefined,
      headers: Record<string, string>,
    ): LibraryAnswer {
      const url = `https://${host}${path}?${query}`;
      // The library wants node-fetch's answer, and of that what every answer has: ok, status and json().
      return outbound(url, {
        method,
        headers,
        ...(body !== undefined && { body: String(body) }),
      }) as unknown as LibraryAnswer;
    }
  }
  return new LimitedClient(parts.key, parts.keyId, parts.issuerId, parts.bundleId, environment);
}
