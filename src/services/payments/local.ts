import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { parseJson } from "../../platform/json.ts";
import { DeadLetter, type Fact, type Provider, type Webhook } from "./provider.ts";
import type { Claim, Truth } from "./truth.ts";

/** Where a message of the local provider carries its signature. */
export const LOCAL_SIGNATURE_HEADER = "umpire-signature";

const confirmation = z.strictObject({
  reference: z.uuid(),
  currency: z.string().max(3),
  amount: z.string().regex(/^\d{1,19}$/),
});
type Confirmation = z.infer<typeof confirmation>;

const KINDS = ["paid", "refunded", "dispute.opened", "dispute.won", "dispute.lost"] as const;
const event = z.strictObject({
  id: z.string().min(1).max(255),
  kind: z.string().max(64),
  order: confirmation,
  atMs: z.number().int().min(0),
});

export type LocalKind = (typeof KINDS)[number];

export interface LocalProvider extends Provider {
  /** The message that says that an order was paid, or what became of it after. Fails with PAYMENTS_CONFIRMATION_REFUSED. */
  tell(confirmation: string, kind: LocalKind): Webhook;
}

interface LocalParts {
  /** The server's secret. */
  readonly secret: string;
  readonly clock: Clock;
  readonly isProduction: boolean;
}

/**
 * Pays for nothing with nothing, so that the whole way from the offer to the goods can be walked on a desk. Its messages
 * are signed like everybody's. There is none in production.
 */
export function createLocalProvider({ secret, clock, isProduction }: LocalParts): LocalProvider {
  if (isProduction) throw new Error("the local payment provider gives things away: it does not exist in production");
  const sign = (text: string | Buffer) => createHmac("sha256", `payments.local ${secret}`).update(text).digest();
  const isSigned = (text: string | Buffer, signature: Buffer) => {
    const right = sign(text);
    return signature.length === right.length && timingSafeEqual(signature, right);
  };
  return {
    name: "local",
    async verify({ rawBody, headers }) {
      const given = headers[LOCAL_SIGNATURE_HEADER];
      const signature = Buffer.from(typeof given === "string" ? given : "", "hex");
      if (!isSigned(rawBody, signature)) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
      return { eventId: readEvent(rawBody).id };
    },
    async read(rawBody) {
      const { kind, order, atMs } = readEvent(rawBody);
      const known = KINDS.find((name) => name === kind);
      if (known === undefined) throw new DeadLetter("unknown type");
      return [factOf(order, claimsOf(known, atMs))];
    },
    async start({ reference, currency, amount }) {
      const body = JSON.stringify({ reference, currency, amount: String(amount) });
      const text = Buffer.from(body).toString("base64url");
      return {
        next: { kind: "confirm", confirmation: `${text}.${sign(text).toString("base64url")}` },
        providerReference: null,
      };
    },
    tell(given, kind) {
      const [text = "", signature = ""] = given.split(".");
      if (!isSigned(text, Buffer.from(signature, "base64url"))) throw new AppError("PAYMENTS_CONFIRMATION_REFUSED");
      const order = confirmation.parse(parseJson(Buffer.from(text, "base64url").toString()));
      // Confirmed twice is one event.
      const id = `${kind}-${order.reference}`;
      const rawBody = Buffer.from(JSON.stringify({ id, kind, order, atMs: Math.floor(clock.now()) }));
      return { rawBody, headers: { [LOCAL_SIGNATURE_HEADER]: sign(rawBody).toString("hex") } };
    },
  };
}

function readEvent(rawBody: Buffer): z.infer<typeof event> {
  const parsed = event.safeParse(parseJson(rawBody.toString()));
  if (!parsed.success) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
  return parsed.data;
}

function factOf({ reference, currency, amount }: Confirmation, claims: Truth): Fact {
  const money = { currency, amount: BigInt(amount) };
  return { transactionId: `local-${reference}`, reference, product: null, money, quantity: 1, isTest: true, claims };
}

function claimsOf(kind: LocalKind, atMs: number): Truth {
  const claim = (value: Claim["value"]) => ({ value, atMs });
  if (kind === "paid") return { payment: claim("paid") };
  if (kind === "refunded") return { refund: claim("refunded") };
  if (kind === "dispute.opened") return { "dispute:local": claim("open") };
  return { "dispute:local": claim(kind === "dispute.won" ? "won" : "lost") };
}
