import { and, desc, eq, lt } from "drizzle-orm";
import { type Content, entryOf, type Offer } from "../../../schema/content.ts";
import type { AccountId, PurchaseId } from "../../../schema/ids.ts";
import { storePurchases } from "../../../schema/tables/store.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { requestHash } from "../../platform/idempotency.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { expenseOf, givenOf, incomeOf } from "../catalogue/bundles.ts";
import type { Catalogue } from "../catalogue/service.ts";
import { createCounter } from "./counter.ts";
import { type Bought, buyAlone, isStraight, type Order } from "./orders.ts";
import { createQuotes, type Quotes } from "./quotes.ts";

export interface BuyRequest {
  /** 1 to 128 characters, minted by the buyer: the same key buys once. */
  readonly key: string;
  readonly accountId: AccountId;
  readonly offer: string;
  /** The price that the buyer saw. */
  readonly price: { readonly currency: string; readonly amount: number };
  /** Holds that price although the offer may have changed since. */
  readonly quote?: string | undefined;
}

export interface Purchase {
  readonly purchaseId: PurchaseId;
  readonly offer: string;
  readonly contentVersion: number;
  readonly currency: string;
  readonly amount: bigint;
  readonly at: Date;
}

export interface Store {
  /** Pins an offer's price for ten minutes. Fails with STORE_OFFER_UNKNOWN. */
  quote(accountId: AccountId, offer: string): { quote: string; expiresAt: Date };
  /**
   * Buys an offer for the game's own currency, in one statement: paid and given, or neither. Purchases that come at the
   * same moment may share that statement.
   *
   * Errors: STORE_OFFER_UNKNOWN, STORE_OFFER_FOR_MONEY, STORE_PRICE_CHANGED, STORE_QUOTE_INVALID, STORE_LIMIT_REACHED,
   * WALLET_INSUFFICIENT, INVENTORY_FULL, IDEMPOTENCY_CONFLICT, and UNAVAILABLE when too many want to buy at once.
   */
  buy(request: BuyRequest): Promise<Bought>;
  /** Newest first, from behind `before`. `limit` is 1 to 100. */
  purchases(accountId: AccountId, page: { before?: PurchaseId | undefined; limit: number }): Promise<Purchase[]>;
}

interface StoreParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly secret: string;
  readonly catalogue: Catalogue;
}

export const PURCHASES_PAGE_MAX = 100;
const PAST_END = "pur_~" as PurchaseId;

export function createStore(parts: StoreParts): Store {
  const { db, clock, log, catalogue } = parts;
  const quotes = createQuotes(parts);
  const counter = createCounter(parts);
  return {
    quote(accountId, offer) {
      offerNow(catalogue.content(), offer, clock);
      return quotes.issue(accountId, { offer, contentVersion: catalogue.version() });
    },

    async buy(request) {
      const { content, version } = await contentFor(request, quotes, parts);
      const order = orderOf(request, { content, version, offer: offerIn(content, request.offer) }, parts);
      const bought = await (isStraight(order) ? counter.buy(order) : buyAlone(db, order));
      log.debug({ accountId: request.accountId, purchaseId: bought.purchaseId }, "store.bought");
      return bought;
    },

    async purchases(accountId, { before = PAST_END, limit }) {
      const rows = await db
        .select()
        .from(storePurchases)
        .where(and(eq(storePurchases.accountId, accountId), lt(storePurchases.id, before)))
        .orderBy(desc(storePurchases.id))
        .limit(Math.min(limit, PURCHASES_PAGE_MAX));
      return rows.map(({ id, createdAt: at, accountId: _, ...rest }) => ({
        ...rest,
        purchaseId: id as PurchaseId,
        at,
      }));
    },
  };
}

/** A quote holds its own version of the content; without one, what is on sale now counts. */
async function contentFor(
  { accountId, offer, quote }: BuyRequest,
  quotes: Quotes,
  { catalogue, clock }: StoreParts,
): Promise<{ content: Content; version: number }> {
  if (quote === undefined) {
    offerNow(catalogue.content(), offer, clock);
    return { content: catalogue.content(), version: catalogue.version() };
  }
  const quoted = quotes.read(accountId, quote);
  if (quoted.offer !== offer) throw new AppError("STORE_QUOTE_INVALID");
  return { content: await catalogue.contentOf(quoted.contentVersion), version: quoted.contentVersion };
}

/** The offer, if it is on sale at this moment. */
function offerNow(content: Content, key: string, clock: Clock): Offer {
  const offer = offerIn(content, key);
  const now = clock.now();
  const isOn =
    (offer.from === undefined || Date.parse(offer.from) <= now) &&
    (offer.until === undefined || Date.parse(offer.until) > now);
  if (!isOn) throw new AppError("STORE_OFFER_UNKNOWN", { offer: key });
  return offer;
}

function offerIn(content: Content, key: string): Offer {
  const offer = entryOf(content.offers, key);
  if (offer === undefined) throw new AppError("STORE_OFFER_UNKNOWN", { offer: key });
  return offer;
}

interface OnSale {
  readonly content: Content;
  readonly version: number;
  readonly offer: Offer;
}

/** The request with all that follows from the content. Refuses what Postgres need not be asked about. */
function orderOf(
  { key, accountId, offer: offerKey, price: seen, quote }: BuyRequest,
  { content, version, offer }: OnSale,
  { clock, ids }: StoreParts,
): Order {
  const { price } = offer;
  if (price.kind !== "currency") throw new AppError("STORE_OFFER_FOR_MONEY");
  const { currency, amount } = price;
  if (seen.currency !== currency || seen.amount !== amount)
    throw new AppError("STORE_PRICE_CHANGED", { currency, amount });
  const at = clock.date();
  return {
    key,
    hash: requestHash({ request: { offerKey, seen, quote } }),
    accountId,
    purchaseId: ids.mint("purchase"),
    movementId: ids.mint("transaction"),
    offer: offerKey,
    contentVersion: version,
    currency,
    amount,
    limit: offer.perPlayerMax ?? null,
    lines: [
      ...expenseOf({ currencies: { [currency]: amount } }, { to: "store", accountId }),
      ...incomeOf(content, offer.gives, { from: "mint", accountId }),
    ],
    given: givenOf(content, offer.gives, { ids, at }),
    at,
  };
}
