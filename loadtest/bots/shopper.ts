import type { ApiReply } from "../../src/client/api.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import type { TokenStorage } from "../../src/client/storage.ts";
import { createSeededRandom, type SeededRandom } from "../random.ts";
import type { Attendance } from "./attendance.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { failureOf } from "./failure.ts";
import { botHeaders, type Link } from "./link.ts";
import type { Stay } from "./stay.ts";

interface Shopping {
  readonly client: Pick<Client, "api">;
  readonly plan: BotPlan;
  readonly world: BotWorld;
  readonly stay: Stay;
  readonly attendance: Pick<Attendance, "isSeated">;
}

type Offer = ApiReply<"GET /api/catalogue">["content"]["offers"][string];

/** The moments of a shopper: it plays a little, then has an errand every now and then. */
const FIRST_ERRAND_MS = { least: 500, more: 4000 };
const NEXT_ERRAND_MS = { least: 4000, more: 8000 };
/** Between two clicks of one errand. */
const THINKING_MS = { least: 200, more: 600 };
/** A purchase whose answer did not come is asked for again by its key, which makes it happen once. */
const ATTEMPTS_MAX = 4;
const AGAIN_MS = 500;
/** A stream of the bot's seed. */
const ERRANDS = 5;
/** What the game says to whoever wants too much. */
const NO_ERRORS: readonly string[] = ["WALLET_INSUFFICIENT", "STORE_LIMIT_REACHED", "INVENTORY_FULL"];
/** No answer, so nobody knows whether it was done. */
const UNANSWERED = /^(NETWORK|TIMEOUT|UNAVAILABLE|HTTP_50\d)$/;

/** When a shopper's errands begin, in ms of the run: known before it starts. */
export function errandsOf({ seed, arriveMs, leaveMs }: Pick<BotPlan, "seed" | "arriveMs" | "leaveMs">): number[] {
  const random = createSeededRandom(seed, ERRANDS);
  const moments: number[] = [];
  for (let ms = arriveMs + draw(random, FIRST_ERRAND_MS); ms < leaveMs; ms += draw(random, NEXT_ERRAND_MS))
    moments.push(ms);
  return moments;
}

/**
 * Looks at profile, purse and inventory, asks for a price, buys with a key of its own and wears what it has bought. Each
 * request counts from the moment it was meant for: the errand's plan, or the answer that the next click had to wait for.
 */
export async function goShopping(shopping: Shopping): Promise<void> {
  const { plan, stay, world } = shopping;
  const random = createSeededRandom(plan.seed, ERRANDS, 1);
  let offers: readonly (readonly [string, Offer])[] | null = null;
  for (const [errand, momentMs] of errandsOf(plan).entries()) {
    if (!(await stay.until(momentMs))) return;
    const key = `${world.runName}-${plan.number}-${errand}`.replace(/[^\x20-\x7e]/g, "-").slice(-128);
    const till = new Till(shopping, random, momentMs);
    offers ??= await till.ask(async (api) => forCoins((await api("GET /api/catalogue")).content.offers));
    await till.ask((api) => api("GET /api/progression/me"));
    await till.ask((api) => api("GET /api/wallet"));
    if (offers !== null && offers.length > 0) await buy(till, offers[random.below(offers.length)], key);
    const bag = await till.ask((api) => api("GET /api/inventory"));
    const wearable = bag?.holdings.find((holding) => holding.kind === "unique" && holding.slot === null);
    if (wearable?.kind !== "unique") continue;
    await till.ask((api) => api("POST /api/inventory/equip", { body: { key: `${key}-worn`, itemId: wearable.id } }));
  }
}

async function buy(till: Till, named: readonly [string, Offer] | undefined, key: string): Promise<void> {
  const [offer = "", wanted] = named ?? [];
  if (wanted?.price.kind !== "currency") return;
  const { currency, amount } = wanted.price;
  const quoted = await till.ask((api) => api("POST /api/store/quotes", { body: { offer } }));
  if (quoted === null) return;
  const body = { key, offer, price: { currency, amount }, quote: quoted.quote };
  await till.ask((api) => api("POST /api/store/purchases", { body }));
}

/** The requests of one errand, one after the other. */
class Till {
  readonly #shopping: Shopping;
  readonly #random: SeededRandom;
  /** When the next request is meant to go out. */
  #dueMs: number;

  constructor(shopping: Shopping, random: SeededRandom, dueMs: number) {
    this.#shopping = shopping;
    this.#random = random;
    this.#dueMs = dueMs;
  }

  /** The answer, or null when there was none, or none that helps, or it is time to leave. */
  async ask<Reply>(question: (api: Client["api"]) => Promise<Reply>): Promise<Reply | null> {
    const { client, stay, world, attendance } = this.#shopping;
    const { recorder, nowMs } = world;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (!(await stay.until(this.#dueMs))) return null;
      const dueMs = this.#dueMs;
      const outcome = await Promise.race([question(client.api).catch(failureOf), stay.over]);
      if (outcome === undefined && stay.isOver) return null;
      recorder.count("shopRequests");
      this.#dueMs = nowMs() + draw(this.#random, THINKING_MS);
      const isFailed = outcome instanceof Error;
      if (!isFailed || NO_ERRORS.includes(outcome.code)) recorder.record("shopMs", nowMs() - dueMs);
      if (!isFailed) return outcome as Reply;
      if (NO_ERRORS.includes(outcome.code)) return null;
      const { code, retryAfterSeconds } = outcome;
      // While the line is cut, as planned or counted elsewhere already, a request cannot but fail.
      if (attendance.isSeated || !UNANSWERED.test(code)) recorder.error(code);
      if (!UNANSWERED.test(code) && retryAfterSeconds === undefined) return null;
      this.#dueMs = nowMs() + (retryAfterSeconds === undefined ? AGAIN_MS : retryAfterSeconds * 1000);
    }
    return null;
  }
}

function forCoins(offers: Readonly<Record<string, Offer>>): readonly (readonly [string, Offer])[] {
  return Object.entries(offers).filter(([, { price }]) => price.kind === "currency");
}

function draw(random: SeededRandom, { least, more }: { least: number; more: number }): number {
  return least + random.below(more);
}

interface ShopClientParts {
  readonly plan: BotPlan;
  readonly world: BotWorld;
  readonly link: Link;
  /** Of the session that a light bot has opened. */
  readonly token: string;
}

/** A client for a bot that plays without one. */
export function createShopClient({ plan, world, link, token }: ShopClientParts): Client {
  const storage: TokenStorage = {
    get: (key) => (key.startsWith("umpire.session") ? token : null),
    set: () => {},
    remove: () => {},
  };
  return createClient({ endpoint: link.endpoint, session: "token", storage, headers: botHeaders(world, plan.number) });
}
