import type { ApiReply } from "../../../src/client/api.ts";
import type { Client } from "../../../src/client/client.ts";
import { createIntents, type Intents } from "./intents.ts";

export type Catalogue = ApiReply<"GET /api/catalogue">["content"];
export type Offer = Catalogue["offers"][string];
export type Recipe = Catalogue["recipes"][string];
/** What is given or taken together. */
export type Goods = Offer["gives"];
export type Provider = ApiReply<"GET /api/payments/providers">["providers"][number];

/** How much there is of each currency of the catalogue. */
export type Purse = Readonly<Record<string, bigint>>;

/** All that a player has of one kind. */
export interface Belonging {
  readonly item: string;
  readonly quantity: number;
  /** Of a unique kind, each one's id. */
  readonly ids: readonly string[];
  /** The one of them that is worn. */
  readonly wornId: string | null;
}

/** What the views of shop, inventory and profile read and write, on top of the client. */
export interface Property {
  readonly client: Client;
  readonly intents: Intents;
  /** Read once: what it says of prices is checked by the server with every purchase. */
  catalogue(): Promise<Catalogue>;
  /** Reads the catalogue anew next time, after it has turned out to be old. */
  forgetCatalogue(): void;
  purse(): Promise<Purse>;
  belongings(): Promise<readonly Belonging[]>;
  /** By which ways one can pay money here. */
  providers(): Promise<readonly Provider[]>;
}

const PAGE = 100;
/** More than a page of this game can show anyway. */
const PAGES_MAX = 20;

export function createProperty(client: Client): Property {
  let catalogue: Promise<Catalogue> | undefined;
  const readCatalogue = async () => (await client.api("GET /api/catalogue")).content;
  const property: Property = {
    client,
    intents: createIntents(),
    catalogue() {
      catalogue ??= readCatalogue();
      // A failure is not kept.
      catalogue.catch(property.forgetCatalogue);
      return catalogue;
    },
    forgetCatalogue() {
      catalogue = undefined;
    },
    async purse() {
      const [{ currencies }, { balances }] = await Promise.all([property.catalogue(), client.api("GET /api/wallet")]);
      const amounts = new Map(balances.map(({ currency, balance }) => [currency, BigInt(balance)]));
      return Object.fromEntries(Object.keys(currencies).map((currency) => [currency, amounts.get(currency) ?? 0n]));
    },
    async belongings() {
      const found = new Map<string, Belonging>();
      let after: string | null = null;
      for (let page = 0; page < PAGES_MAX; page++) {
        const query: { limit: number; after?: string } = after === null ? { limit: PAGE } : { limit: PAGE, after };
        const { holdings, next } = await client.api("GET /api/inventory", { query });
        for (const holding of holdings) found.set(holding.item, together(found.get(holding.item), holding));
        if (next === null) break;
        after = next;
      }
      return [...found.values()];
    },
    async providers() {
      return (await client.api("GET /api/payments/providers")).providers;
    },
  };
  return property;
}

type Holding = ApiReply<"GET /api/inventory">["holdings"][number];

function together(before: Belonging | undefined, holding: Holding): Belonging {
  const { item } = holding;
  if (holding.kind === "stack") return { item, quantity: holding.quantity, ids: [], wornId: null };
  const ids = [...(before?.ids ?? []), holding.id];
  return { item, quantity: ids.length, ids, wornId: holding.slot === null ? (before?.wornId ?? null) : holding.id };
}
