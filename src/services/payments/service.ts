import type { AccountId } from "../../../schema/ids.ts";
import type { Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import {
  applyDue,
  clearOldBodies,
  type EventKey,
  type EventState,
  type InboxParts,
  receiveWebhook,
  reviveEvent,
} from "./inbox.ts";
import type { LocalKind, LocalProvider } from "./local.ts";
import { type OrderParts, type OrderPlaced, placeOrder } from "./orders.ts";
import { DeadLetter, type Provider, type ProviderName, type Webhook } from "./provider.ts";
import { acknowledgeDelivered, type Reconciled, reconcilePage } from "./reconciliation.ts";
import { createPaymentRecords, type PaymentRecords } from "./records.ts";
import { applyFact } from "./transactions.ts";

export interface Payments extends PaymentRecords {
  /**
   * Begins to buy an offer for money. The same key gives the same order. Fails with PAYMENTS_OFFER_UNAVAILABLE,
   * PAYMENTS_PROVIDER_UNKNOWN, PAYMENTS_PROVIDER_UNREACHABLE or IDEMPOTENCY_CONFLICT.
   */
  order(request: { accountId: AccountId; offer: string; provider: ProviderName; key: string }): Promise<OrderPlaced>;
  /**
   * Takes a purchase in the shop of a device, new or restored: the purchase itself is the key, so it counts once, for one
   * account. Fails with PAYMENTS_RECEIPT_REFUSED or PAYMENTS_RECEIPT_TAKEN.
   */
  redeem(receipt: { accountId: AccountId; provider: ProviderName; receipt: string }): Promise<{ offer: string }>;
  /** Stores a provider's message once and applies it. Fails with PAYMENTS_WEBHOOK_REFUSED for one that is not proven. */
  receive(provider: string, webhook: Webhook): Promise<EventState>;
  /** Plays the provider on a desk: says that an order was paid, or what became of it. */
  confirmLocally(confirmation: string, kind?: LocalKind): Promise<EventState>;
  /** Tries again whatever is due, and tells Google what was delivered. For a job, every few seconds. */
  applyWaiting(): Promise<Record<EventState | "acknowledged", number>>;
  /**
   * Gives a dead letter another try, at the next turn of `applyWaiting`, within the caller's transaction. Fails with
   * PAYMENTS_DEAD_LETTER_UNKNOWN.
   */
  replayDead(tx: Tx, key: EventKey): Promise<void>;
  /** Clears what providers wrote, RAW_BODY_DAYS after it came, where it has been applied, and tells how often. For a job. */
  clearOldBodies(): Promise<number>;
  /** Asks providers for the truth, from where `next` of the page before says. For a job, once a day until `next` is null. */
  reconcile(from?: string | null): Promise<Reconciled>;
  /** By which ways one can pay here. */
  readonly providers: readonly ProviderName[];
}

export interface PaymentsParts extends Omit<InboxParts, "providers">, OrderParts {
  /** Without settings of its own a provider does not exist. */
  readonly providers: readonly Provider[];
}

/** Purchases for real money: orders, receipts, the providers' messages, and what a player has because of them. */
export function createPayments(given: PaymentsParts): Payments {
  const parts = { ...given, providers: new Map(given.providers.map((provider) => [provider.name, provider])) };
  const providerOf = (name: string): Provider => {
    const provider = parts.providers.get(name as ProviderName);
    if (provider === undefined) throw new AppError("PAYMENTS_PROVIDER_UNKNOWN");
    return provider;
  };
  return {
    ...createPaymentRecords(parts),
    providers: [...parts.providers.keys()],
    order: async (request) => placeOrder({ ...request, provider: providerOf(request.provider) }, parts),
    receive: async (name, webhook) => receiveWebhook(providerOf(name), webhook, parts),

    async redeem({ accountId, provider: name, receipt }) {
      const provider = providerOf(name);
      if (provider.readReceipt === undefined) throw new AppError("PAYMENTS_PROVIDER_UNKNOWN");
      const fact = await provider.readReceipt(receipt);
      const told = { provider: name, fact, caller: accountId };
      const outcome = await parts.db.transaction((tx) => applyFact(tx, told, parts)).catch(refuseReceipt);
      if (!outcome.delivered) throw new AppError("PAYMENTS_RECEIPT_REFUSED", { reason: "not paid, or refunded" });
      // Google wants to hear of it; what fails now is done by the worker.
      if (provider.acknowledge !== undefined) await acknowledgeDelivered(parts);
      return { offer: outcome.offer ?? "" };
    },

    async confirmLocally(confirmation, kind = "paid") {
      const provider = providerOf("local") as LocalProvider;
      return receiveWebhook(provider, provider.tell(confirmation, kind), parts);
    },

    async applyWaiting() {
      const counts = await applyDue(parts);
      return { ...counts, acknowledged: await acknowledgeDelivered(parts) };
    },

    replayDead: (tx, key) => reviveEvent(tx, key, parts),
    clearOldBodies: () => clearOldBodies(parts),
    reconcile: (from = null) => reconcilePage(from, parts),
  };
}

function refuseReceipt(thrown: unknown): never {
  if (!(thrown instanceof DeadLetter)) throw thrown;
  throw new AppError("PAYMENTS_RECEIPT_REFUSED", { reason: thrown.problem });
}
