import type { AccountId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import { type Bought, buyAlone, buyTogether, type Order } from "./orders.ts";

/** Where straight purchases stand in line, and go together when several wait. */
export interface Counter {
  /** Fails as `buyAlone` does, and with UNAVAILABLE when too many wait, or for too long. */
  buy(order: Order): Promise<Bought>;
}

interface CounterParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
}

/** Rows cost little and statements much, so that more in one would win nothing. */
const TOGETHER_MAX = 32;
/** Under way at once: while one waits for the disk, another computes. */
const STATEMENTS_MAX = 2;
export const WAITING_MAX = 1000;
/** Behind this a player has gone away. */
export const WAITING_MS_MAX = 5000;

interface Customer {
  readonly order: Order;
  readonly done: PromiseWithResolvers<Bought>;
  readonly stopTimer: () => void;
}

/**
 * Nobody waits for company: who comes to a free counter goes at once, alone, and whoever waits when a statement ends goes with
 * all the others. A player is served once at a time, so that purchases of one player never wait for each other in Postgres.
 * What becomes of one is no matter to the others: whoever a shared statement has not answered goes alone.
 */
export function createCounter({ db, clock, log }: CounterParts): Counter {
  const waiting = new Set<Customer>();
  const served = new Set<AccountId>();
  let statements = 0;
  let isSoon = false;

  /** Takes from the line whoever may go now, in the order in which they came. */
  const callNext = (): Customer[] => {
    const called: Customer[] = [];
    for (const customer of waiting) {
      if (called.length === TOGETHER_MAX) break;
      if (served.has(customer.order.accountId)) continue;
      served.add(customer.order.accountId);
      waiting.delete(customer);
      customer.stopTimer();
      called.push(customer);
    }
    // Postgres locks rows as they come, and everybody comes in the order of accounts.
    return called.sort((one, other) => (one.order.accountId < other.order.accountId ? -1 : 1));
  };

  const goAlone = async ({ order, done }: Customer): Promise<void> => {
    await buyAlone(db, order).then(done.resolve, done.reject);
    served.delete(order.accountId);
  };

  /** Its end is the end of a statement; who goes alone after it is not waited for. */
  const goTogether = async (customers: readonly Customer[]): Promise<void> => {
    const orders = customers.map(({ order }) => order);
    const answers = await buyTogether(db, orders, clock.date()).catch((err: unknown) => {
      // Whether it happened is found out by the keys.
      log.warn({ err, purchases: orders.length }, "store.batch_failed");
      return [];
    });
    for (const [place, customer] of customers.entries()) {
      const bought = answers[place] ?? null;
      if (bought === null) {
        void goAlone(customer).then(serveSoon);
        continue;
      }
      customer.done.resolve(bought);
      served.delete(customer.order.accountId);
    }
  };

  /**
   * At the end of this turn of the event loop, before which the driver sends nothing anyway: whoever comes in the same turn
   * goes together, and so do those who were just served and come again.
   */
  const serveSoon = (): void => {
    if (isSoon) return;
    isSoon = true;
    setImmediate(() => {
      isSoon = false;
      serve();
    });
  };

  const serve = (): void => {
    while (statements < STATEMENTS_MAX) {
      const customers = callNext();
      const [first] = customers;
      if (first === undefined) return;
      statements += 1;
      void (customers.length === 1 ? goAlone(first) : goTogether(customers)).then(() => {
        statements -= 1;
        serveSoon();
      });
    }
  };

  return {
    buy(order) {
      if (waiting.size >= WAITING_MAX) return Promise.reject(busy());
      const done = Promise.withResolvers<Bought>();
      const customer: Customer = {
        order,
        done,
        stopTimer: clock.after(WAITING_MS_MAX, () => {
          waiting.delete(customer);
          done.reject(busy());
        }),
      };
      waiting.add(customer);
      serveSoon();
      return done.promise;
    },
  };
}

function busy(): AppError {
  return new AppError("UNAVAILABLE", { reason: "busy", retryAfterSeconds: 1 });
}
