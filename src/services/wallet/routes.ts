import { z } from "zod";
import { route } from "../../platform/http.ts";
import { balanceList, balancesAnswer, lineList, linesAnswer, statementPage } from "./answers.ts";
import type { Wallet } from "./service.ts";

const limit = { count: 240, perSeconds: 60 };
const statementQuery = z.strictObject(statementPage);

export function walletRoutes(wallet: Wallet) {
  return [
    route({ method: "GET", path: "/api/wallet", role: "player", limit, reply: balanceList }, async ({ principal }) =>
      balancesAnswer(await wallet.balances(principal.accountId)),
    ),
    route(
      { method: "GET", path: "/api/wallet/statement", role: "player", limit, query: statementQuery, reply: lineList },
      async ({ principal, query: page }) => linesAnswer(await wallet.statement(principal.accountId, page)),
    ),
  ];
}
