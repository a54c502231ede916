import type { IncomingHttpHeaders } from "node:http";
import type { Truth } from "./truth.ts";

export type ProviderName = "stripe" | "apple" | "google" | "local";

/** A message as it came in: what is signed are these very bytes. */
export interface Webhook {
  readonly rawBody: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** What a provider says of one payment, in our words. */
export interface Fact {
  /** The provider's name for the payment. */
  readonly transactionId: string;
  /** The order's reference, where the provider handed it back. */
  readonly reference: string | null;
  /** The shop's name for what was bought, where the provider has a shop. */
  readonly product: string | null;
  /** What was paid, where we had set the price. In the currency's smallest unit. */
  readonly money: { readonly currency: string; readonly amount: bigint } | null;
  readonly quantity: number;
  /** No money flowed: a sandbox, a test card, a license tester. */
  readonly isTest: boolean;
  readonly claims: Truth;
}

/** An order on its way to its provider. */
export interface PlacedOrder {
  readonly reference: string;
  readonly title: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly product: string | null;
}

/** What the player does next: goes to a page, hands tokens to the device's shop, or confirms on a desk. */
export type NextStep =
  | { readonly kind: "redirect"; readonly url: string }
  | { readonly kind: "shop"; readonly product: string; readonly accountToken: string }
  | { readonly kind: "confirm"; readonly confirmation: string };

export interface Started {
  readonly next: NextStep;
  /** What the provider calls the order. */
  readonly providerReference: string | null;
}

/**
 * A way to pay. Nothing here touches the database: a provider proves, translates and asks. What it cannot do, it does not
 * have.
 */
export interface Provider {
  readonly name: ProviderName;
  /** Proves that a message is the provider's, by its raw bytes. Fails with PAYMENTS_WEBHOOK_REFUSED. */
  verify(webhook: Webhook): Promise<{ readonly eventId: string }>;
  /** What a proven message says; it may have to ask the provider. Fails with DeadLetter for one that it cannot understand. */
  read(rawBody: Buffer): Promise<readonly Fact[]>;
  /** May be called again for the same order, and then says the same. Fails with PAYMENTS_PROVIDER_UNREACHABLE. */
  start(order: PlacedOrder): Promise<Started>;
  /** What a receipt that a player hands in proves. Fails with PAYMENTS_RECEIPT_REFUSED. */
  readReceipt?(receipt: string): Promise<Fact>;
  /** What the provider says of a payment now. */
  fetchTruth?(transactionId: string): Promise<Fact>;
  /** What the provider says of an order whose payment was never heard of. */
  fetchOrder?(providerReference: string): Promise<readonly Fact[]>;
  /** What was taken back since then, a page at a time. */
  listVoided?(page: { readonly sinceMs: number; readonly token: string | null }): Promise<VoidedPage>;
  /** Tells the provider that the player has it. May be repeated. */
  acknowledge?(bought: { readonly transactionId: string; readonly product: string }): Promise<void>;
}

export interface VoidedPage {
  readonly facts: readonly Fact[];
  readonly next: string | null;
}

/** Null for what is no JSON: no schema takes that. */
export function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}

/** A proven message that nothing can be done about without people: it is kept, and somebody is told. */
export class DeadLetter extends Error {
  override readonly name = "DeadLetter";
  readonly problem: string;
  constructor(problem: string) {
    super(problem);
    this.problem = problem;
  }
}
