/**
 * A whole Umpire in a process of its own, and beside it doors that move money without any of a shop's rules: what is
 * wrong here is wrong with `once`, with jobs or with the wallet.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { sql } from "drizzle-orm";
import { z } from "zod";
import { catalogue } from "../../../rooms/catalogue/index.ts";
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
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom } from "../../platform/random.ts";
import type { HouseBook } from "../../services/wallet/movements.ts";
import { createTestProgression } from "../progression.ts";

const config = readConfig();
const log = createLog({ level: config.LOG_LEVEL });
const url = config.DATABASE_URL ?? "";
const app = await createApp({ rooms: {}, catalogue, config, log });
const database = openDatabase({ url, log, applicationName: "umpire economy" });
const { db } = database;
const clock = createSystemClock(await databaseNowMs(database));
const ids = createIds({ clock, random: cryptoRandom });
const translate = createErrorTranslator({ ids, log });
const { progression } = createTestProgression({ db, clock, ids });
const jobs = createJobs({ db, url, log, clock, metrics: createMetrics(), pollSeconds: 0.5 });

const bodySchema = z.strictObject({
  key: z.string().min(1).max(128),
  accountId: z.string(),
  to: z.string().optional(),
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
  "/purchase": (body) =>
    moved("purchase", body, { from: "wallet", fromAccount: body.accountId, to: "store", amount: body.amount }),
  "/transfer": (body) =>
    moved("transfer", body, {
      from: "wallet",
      fromAccount: body.accountId,
      to: "wallet",
      toAccount: body.to,
      amount: body.amount,
    }),
  "/reward": (body) =>
    once({ db, clock }, keyed("chaos.reward", body), async (tx) => {
      await jobs.send(tx, reward, body, { key: body.key });
      return { sent: true };
    }),
  "/match": async ({ key, accountId, amount }) => {
    const startedAt = new Date(0);
    const player = { accountId: accountId as AccountId, placement: 1, kills: 1, deaths: 0, xp: amount };
    const match = { matchId: key as MatchId, room: "chaos", mode: "chaos", startedAt, endedAt: startedAt };
    return progression.recordMatch({ ...match, players: [player] });
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
