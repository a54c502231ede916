/**
 * A whole Umpire in a process of its own, with its shop, its crafting and its webhooks, and a room to play in. Beside it
 * are doors to what no player may ask for: to be given money, a match's result, a job.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { sql } from "drizzle-orm";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { z } from "zod";
import type { AccountId, MatchId } from "../../../schema/ids.ts";
import { createApp } from "../../app.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { readConfig } from "../../platform/config.ts";
import { databaseNowMs, openDatabase, type Tx } from "../../platform/database.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import { createIds } from "../../platform/ids.ts";
import { createJobs } from "../../platform/jobs.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createServices } from "../../services/services.ts";
import type { HouseBook } from "../../services/wallet/movements.ts";
import { economyContent as catalogue } from "./economy-content.ts";
import { umpireRooms } from "./umpire-rooms.ts";

// A writer asks for more in a second than a player may in a minute. Allowances are not what dies here.
RateLimiterMemory.prototype.consume = async () => new RateLimiterRes();

const config = readConfig();
const log = createLog({ level: config.LOG_LEVEL });
const url = config.DATABASE_URL ?? "";
const { walk } = umpireRooms;
const app = await createApp({ rooms: walk === undefined ? {} : { walk }, catalogue, config, log });
const database = openDatabase({ url, log, applicationName: "umpire economy" });
const { db } = database;
const clock = createSystemClock(await databaseNowMs(database));
const random = cryptoRandom;
const ids = createIds({ clock, random });
const translate = createErrorTranslator({ ids, log });
const metrics = createMetrics();
const mail = createMail({ clock, random, log, smtpUrl: null, from: null, isProduction: false });
const secret = config.SERVER_SECRET ?? "";
const jobs = createJobs({ db, url, log, clock, metrics, lookSeconds: 0.5 });
const services = createServices({
  ...{ db, clock, ids, random, log, secret, mail, metrics, config, catalogue },
  ...{ jobs, redis: null, providers: [] },
});
await services.catalogue.bring();

const bodySchema = z.strictObject({
  key: z.string().min(1).max(128),
  accountId: z.string(),
  amount: z.number().int().min(1).max(1_000_000),
});
type Body = z.infer<typeof bodySchema>;

interface Move {
  readonly from: HouseBook | "wallet";
  readonly fromAccount?: string | undefined;
  readonly to: HouseBook | "wallet";
  readonly toAccount?: string | undefined;
  readonly amount: number;
}

/** What a movement did to the players' balances. */
async function post(tx: Tx, reason: string, key: string, move: Move) {
  const lines = JSON.stringify([{ ...move, currency: "gold" }]);
  const [row] = await tx.execute<{ balances: { accountId: string; balance: string }[] }>(sql`
    select umpire.wallet_post(
      ${ids.mint("transaction")}, ${reason}, ${key}, null, ${clock.date()}, ${lines}::jsonb) as balances`);
  return row?.balances.map(({ accountId, balance }) => ({ accountId, balance })) ?? [];
}

const reward = jobs.define("chaos-reward", bodySchema, ({ key, accountId, amount }, job) =>
  job.once(async (tx) => {
    await post(tx, "reward", key, { from: "mint", to: "wallet", toAccount: accountId, amount });
  }),
);
await jobs.start();

const keyed = (verb: string, body: Body) => ({ scope: body.accountId, key: body.key, verb, request: body });
const moved = (verb: string, body: Body, move: Move) =>
  once({ db, clock }, keyed(`chaos.${verb}`, body), (tx) => post(tx, verb, body.key, move));

const doors: Readonly<Record<string, (body: Body) => Promise<unknown>>> = {
  "/grant": (body) =>
    moved("grant", body, { from: "mint", to: "wallet", toAccount: body.accountId, amount: body.amount }),
  "/reward": (body) =>
    once({ db, clock }, keyed("chaos.reward", body), async (tx) => {
      await jobs.send(tx, reward, body, { key: body.key });
      return { sent: true };
    }),
  "/match": async ({ key, accountId, amount }) => {
    const startedAt = new Date(0);
    const player = { accountId: accountId as AccountId, placement: 1, kills: 1, deaths: 0, xp: amount };
    const match = { matchId: key as MatchId, room: "chaos", mode: "chaos", startedAt, endedAt: startedAt };
    return services.progression.recordMatch({ ...match, players: [player] });
  },
};

const server = createServer(async (request, response) => {
  const answer = await (async () => {
    const body = bodySchema.parse(await json(request));
    return { status: 200, body: await doors[request.url ?? ""]?.(body) };
  })().catch((thrown: unknown) => translate(thrown, { route: request.url }));
  response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body ?? null));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
process.on("disconnect", () => process.exit(0));
process.send?.({ port: app.port, doors: (server.address() as AddressInfo).port });
