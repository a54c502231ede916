import { z } from "zod";
import { EMAIL_CHARS_MAX } from "../../../schema/protocol.ts";
import { AppError } from "../../platform/errors.ts";
import { idShape } from "../../platform/ids.ts";
import { type OperatorRoute, operatorAct, operatorRead, storableText } from "../../platform/operator-http.ts";
import { pageLimit } from "../../platform/paging.ts";
import { accountAnswer, accountShape } from "./answers.ts";
import { BANS_PAGE_MAX, type Ban } from "./bans.ts";
import { ACCOUNTS_PAGE_MAX } from "./lookup.ts";
import type { Accounts } from "./service.ts";

const DAYS_MAX = 36_500;

const accountId = idShape("account");

const accountsQuery = z.strictObject({
  id: accountId.optional(),
  email: z.string().max(EMAIL_CHARS_MAX).toLowerCase().pipe(z.email()).optional(),
  before: accountId.optional(),
  limit: pageLimit(ACCOUNTS_PAGE_MAX),
});
const bansQuery = z.strictObject({
  accountId: accountId.optional(),
  before: idShape("ban").optional(),
  limit: pageLimit(BANS_PAGE_MAX),
});
const banBody = z.strictObject({
  accountId,
  sentence: storableText(200),
  days: z.number().positive().max(DAYS_MAX).nullable(),
});
const unbanBody = z.strictObject({ accountId });

const time = z.iso.datetime();
const banShape = z.object({
  id: z.string(),
  accountId: z.string(),
  reason: z.string(),
  sentence: z.string(),
  bannedAt: time,
  expiresAt: time.nullable(),
  liftedAt: time.nullable(),
});

/** What operators may see of accounts and do to them. */
export function accountsOperatorRoutes(accounts: Accounts): OperatorRoute[] {
  return [
    operatorRead(
      {
        path: "/operator/accounts",
        operator: "operator",
        query: accountsQuery,
        reply: z.object({ accounts: z.array(accountShape) }),
      },
      async ({ query: { id, ...page } }) => {
        const found = await accounts.findAccounts({ ...page, accountId: id });
        return { accounts: found.map(accountAnswer) };
      },
    ),
    operatorRead(
      {
        path: "/operator/accounts/bans",
        operator: "support",
        query: bansQuery,
        reply: z.object({ bans: z.array(banShape) }),
      },
      async ({ query }) => {
        const bans = await accounts.listBans(query);
        return { bans: bans.map(banAnswer) };
      },
    ),
    ...banRoutes(accounts),
  ];
}

function banRoutes(accounts: Accounts): OperatorRoute[] {
  return [
    operatorAct(
      {
        path: "/operator/accounts/ban",
        operator: "support",
        body: banBody,
        reply: z.object({ banId: z.string(), bannedAt: time, expiresAt: time.nullable() }),
        errors: ["ACCOUNTS_UNKNOWN"],
      },
      async (tx, { body, reason }) => {
        const { result: ban, announce } = await accounts.banWithin(tx, {
          accountId: body.accountId,
          reason,
          sentence: body.sentence,
          days: body.days,
        });
        const { bannedAt, expiresAt } = banAnswer(ban);
        const details = { banId: ban.id, days: body.days };
        const reply = { banId: ban.id, bannedAt, expiresAt };
        return { action: "accounts.ban", subject: ban.accountId, details, reply, afterCommit: announce };
      },
    ),
    operatorAct(
      {
        path: "/operator/accounts/unban",
        operator: "support",
        body: unbanBody,
        reply: z.object({ banId: z.string() }),
        errors: ["ACCOUNTS_UNKNOWN", "ACCOUNTS_NOT_BANNED"],
      },
      async (tx, { body }) => {
        const { result: ban, announce } = await accounts.unbanWithin(tx, body.accountId);
        if (ban === null) throw new AppError("ACCOUNTS_NOT_BANNED");
        const details = { banId: ban.id };
        const reply = { banId: ban.id };
        return { action: "accounts.unban", subject: ban.accountId, details, reply, afterCommit: announce };
      },
    ),
  ];
}

function banAnswer({ bannedAt, expiresAt, liftedAt, ...rest }: Ban) {
  return {
    ...rest,
    bannedAt: bannedAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    liftedAt: liftedAt?.toISOString() ?? null,
  };
}
