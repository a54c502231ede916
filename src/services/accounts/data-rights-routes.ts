import { z } from "zod";
import { PASSWORD_CHARS_MAX } from "../../../schema/protocol.ts";
import { route } from "../../platform/http.ts";
import type { SessionCookie } from "./cookie.ts";
import type { DataRights } from "./data-rights.ts";

const deletion = z.strictObject({ password: z.string().max(PASSWORD_CHARS_MAX).optional() });
const nothing = z.object({});
const exportQuery = z.strictObject({ from: z.string().max(80).optional() });
const exportPage = z.object({
  tables: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
  next: z.string().nullable(),
});

const DELETE_LIMIT = { count: 20, perSeconds: 3600 };
/** Pages. Each reads a thousand rows, and nobody needs their data that often. */
const EXPORT_LIMIT = { count: 60, perSeconds: 3600 };

/** What a player may demand of whoever stores their data: to see all of it, and to have it deleted. */
export function dataRightsRoutes(accounts: DataRights, cookie: SessionCookie) {
  return [
    route(
      {
        method: "DELETE",
        path: "/api/accounts/me",
        role: "player",
        limit: DELETE_LIMIT,
        body: deletion,
        reply: nothing,
        errors: ["ACCOUNTS_CREDENTIALS_WRONG", "ACCOUNTS_UNKNOWN"],
      },
      async ({ principal, body, setCookie }) => {
        await accounts.deleteOwnAccount(principal.accountId, { password: body.password });
        if (principal.via === "cookie") setCookie(cookie.clear());
        return {};
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/accounts/me/export",
        role: "player",
        limit: EXPORT_LIMIT,
        query: exportQuery,
        reply: exportPage,
      },
      async ({ principal, query: { from = null } }) => {
        const { tables, next } = await accounts.exportAccount(principal.accountId, from);
        return { tables: tables as Record<string, Record<string, unknown>[]>, next };
      },
    ),
  ];
}
