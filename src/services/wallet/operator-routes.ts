import { z } from "zod";
import { contentKey } from "../../../schema/content.ts";
import { idShape } from "../../platform/ids.ts";
import { type OperatorRoute, operatorAct, operatorRead } from "../../platform/operator-http.ts";
import { balanceList, balancesAnswer, lineList, linesAnswer, statementPage } from "./answers.ts";
import type { Wallet } from "./service.ts";

const accountId = idShape("account");
const balancesQuery = z.strictObject({ accountId });
const statementQuery = z.strictObject({ accountId, ...statementPage });
const adjustBody = z.strictObject({
  accountId,
  currency: contentKey,
  /** `credit` gives to the player, `debit` takes. */
  direction: z.enum(["credit", "debit"]),
  /** 1 or more, as decimal text. A sign in it would be a second way to say the direction. */
  amount: z
    .string()
    .regex(/^[1-9]\d{0,17}$/)
    .transform(BigInt),
});

/** What operators see of wallets, and correct in them. */
export function walletOperatorRoutes(wallet: Wallet): OperatorRoute[] {
  return [
    operatorRead(
      { path: "/operator/wallet", operator: "operator", query: balancesQuery, reply: balanceList },
      async ({ query }) => balancesAnswer(await wallet.balances(query.accountId)),
    ),
    operatorRead(
      { path: "/operator/wallet/statement", operator: "operator", query: statementQuery, reply: lineList },
      async ({ query: { accountId: whose, ...page } }) => linesAnswer(await wallet.statement(whose, page)),
    ),
    operatorAct(
      {
        path: "/operator/wallet/adjust",
        operator: "economy",
        body: adjustBody,
        reply: z.object({ transactionId: z.string() }),
        errors: ["WALLET_ACCOUNT_UNKNOWN", "WALLET_AMOUNT_INVALID", "WALLET_CURRENCY_UNKNOWN", "WALLET_INSUFFICIENT"],
      },
      async (tx, { body: { amount, direction, ...asked }, principal, reason, key }) => {
        const delta = direction === "credit" ? amount : -amount;
        const operator = principal.operatorId;
        const reply = await wallet.adjustWithin(tx, { ...asked, delta, reason, operator, reference: key });
        const details = { currency: asked.currency, direction, amount: amount.toString(), ...reply };
        return { action: "wallet.adjust", subject: asked.accountId, details, reply };
      },
    ),
  ];
}
