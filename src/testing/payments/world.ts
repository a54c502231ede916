import { sql as statement } from "drizzle-orm";
import { expect } from "vitest";
import { contentShape } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import type { TestClock } from "../../platform/clock.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import type { PlacedOrder, Provider, Webhook } from "../../services/payments/provider.ts";
import { createPayments, type PaymentsParts } from "../../services/payments/service.ts";
import type { Fulfilment } from "../../services/payments/transactions.ts";
import { createTestDatabase } from "../postgres.ts";

const gives = { items: {}, currencies: { gold: 100 } };
const price = { kind: "money", money: { currency: "EUR", amount: 499 } } as const;

export const testContent = contentShape.parse({
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" } },
  offers: {
    chest: { title: "Chest", gives, price: { ...price, products: { apple: "com.example.chest", google: "chest" } } },
    palace: {
      title: "Palace",
      gives,
      price: {
        ...price,
        money: { currency: "EUR", amount: 9999 },
        products: { apple: "com.example.palace", google: "palace" },
      },
    },
    once: { title: "Once", gives, price, perPlayerMax: 1 },
    first: { title: "First", gives, price, firstTimeOnly: true },
    past: { title: "Past", gives, price, until: "2025-01-01T00:00:00Z" },
    soft: { title: "Soft", gives, price: { kind: "currency", currency: "gold", amount: 5 } },
    regional: { title: "Regional", gives, price: { ...price, regional: { moon: { currency: "USD", amount: 99 } } } },
  },
});

const keep =
  (sign: number): Fulfilment["deliver"] =>
  async (tx, { reference, accountId, offer, contentVersion, quantity }) => {
    const delta = sign * quantity;
    await tx.execute(
      statement`insert into goods values (${reference}, ${accountId}, ${offer}, ${contentVersion}, ${delta})`,
    );
  };
/** Hands goods over by a line in its books: under each reference one, or it fails. */
const keeper: Fulfilment = { deliver: keep(1), revoke: keep(-1) };

/** What became of an order. */
export interface Ending {
  readonly state: string;
  /** How many of the offer the player holds, by the books of whoever hands goods over. */
  readonly held: number;
  readonly delivered: boolean;
}

/**
 * The payments service on a database of its own. Goods are handed over by a keeper with books of its own: a line for
 * each delivery and each revocation, each under its reference, never twice.
 */
export async function createPaymentsWorld(
  clock: TestClock,
  providers: readonly Provider[],
  given: Partial<PaymentsParts> = {},
) {
  const database = await createTestDatabase({ connectionsMax: 8 });
  const { db, sql } = database;
  await sql`create table goods (reference text primary key, account_id text, offer text, version int, delta int)`;
  const ids = createIds({ clock, random: cryptoRandom });
  const logged: Record<string, unknown>[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => void logged.push(JSON.parse(line)) } });
  const deadLetters: string[] = [];
  const parts: PaymentsParts = {
    db,
    clock,
    ids,
    log,
    random: cryptoRandom,
    fulfilment: keeper,
    content: () => testContent,
    contentVersion: () => 7,
    region: "local",
    isProduction: false,
    onDeadLetter: (provider) => void deadLetters.push(provider),
    providers,
    ...given,
  };
  const payments = createPayments(parts);

  const anAccount = async (): Promise<AccountId> => {
    const id = ids.mint("account");
    await sql`insert into umpire.accounts (id, display_name, kind, created_at) values (${id}, 'Ada', 'guest', ${clock.date()})`;
    return id;
  };
  let keys = 0;
  const anOrder = async (provider: Provider, offer = "chest", accountId?: AccountId) => {
    const buyer = accountId ?? (await anAccount());
    const { orderId, next } = await payments.order({
      accountId: buyer,
      offer,
      provider: provider.name,
      key: `key-${++keys}`,
    });
    const [row] = await sql<{ reference: string; currency: string; amount: bigint; product: string | null }[]>`
      select reference, currency, amount, product from umpire.payment_orders where id = ${orderId}`;
    if (row === undefined) throw new Error("the order is there");
    const placed: PlacedOrder = { ...row, title: offer };
    return { orderId, accountId: buyer, placed, next };
  };
  const held = async (accountId: AccountId): Promise<number> => {
    const [row] = await sql<{ held: number }[]>`
      select coalesce(sum(delta), 0)::int as held from goods where account_id = ${accountId}`;
    return row?.held ?? 0;
  };
  const ending = async ({ orderId, accountId }: { orderId: string; accountId: AccountId }): Promise<Ending> => {
    const [order] = await sql<{ state: string; delivered: boolean }[]>`
      select o.state, coalesce(bool_or(t.delivered), false) as delivered from umpire.payment_orders o
      left join umpire.payment_transactions t on t.order_id = o.id where o.id = ${orderId} group by o.id`;
    return { state: order?.state ?? "", delivered: order?.delivered ?? false, held: await held(accountId) };
  };
  /** Told as by the provider. */
  const tell = (provider: Provider, webhook: Webhook) => payments.receive(provider.name, webhook);
  /** Nothing waits, and what is delivered is what the books say. */
  const expectBooksToAgree = async () => {
    const rows = await sql`
      select t.id, t.delivered, coalesce(sum(g.delta), 0)::int as held
      from umpire.payment_transactions t left join goods g on g.reference like t.id || '.%'
      group by t.id having (case when t.delivered then t.quantity else 0 end) <> coalesce(sum(g.delta), 0)`;
    expect([...rows]).toEqual([]);
  };
  return {
    db,
    sql,
    clock,
    ids,
    payments,
    logged,
    deadLetters,
    anAccount,
    anOrder,
    held,
    ending,
    tell,
    expectBooksToAgree,
  };
}

export type PaymentsWorld = Awaited<ReturnType<typeof createPaymentsWorld>>;
