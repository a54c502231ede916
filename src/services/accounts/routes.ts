import { z } from "zod";
import type { SessionId } from "../../../schema/ids.ts";
import { TICKET_TTL_MS } from "../../../schema/protocol.ts";
import { route } from "../../platform/http.ts";
import { accountAnswer, accountShape, createAnswer, sessionChoice, signedInShape } from "./answers.ts";
import { createSessionCookie } from "./cookie.ts";
import { credentialRoutes } from "./credential-routes.ts";
import { dataRightsRoutes } from "./data-rights-routes.ts";
import type { Accounts } from "./service.ts";

const guestBody = z.strictObject({ session: sessionChoice });
const ticketBody = z.strictObject({ room: z.string().regex(/^[\w-]{1,64}$/) });
const endQuery = z.strictObject({
  sessionId: z
    .string()
    .regex(/^ses_[\w-]{43}$/)
    .optional(),
});

const sessionList = z.object({
  sessions: z.array(
    z.object({
      sessionId: z.string(),
      label: z.string(),
      createdAt: z.iso.datetime(),
      lastSeenAt: z.iso.datetime(),
      expiresAt: z.iso.datetime(),
      isCurrent: z.boolean(),
    }),
  ),
});
const nothing = z.object({});
const ended = z.object({ ended: z.number().int() });
const ticketReply = z.object({ ticket: z.string(), expiresInMs: z.number().int() });

const perMinute = (count: number) => ({ count, perSeconds: 60 });

export function accountsRoutes(accounts: Accounts, { isProduction }: { isProduction: boolean }) {
  const cookie = createSessionCookie({ isProduction });
  const answer = createAnswer(cookie);
  return [
    route(
      {
        method: "POST",
        path: "/api/accounts/guest",
        role: "anyone",
        limit: perMinute(120),
        body: guestBody,
        reply: signedInShape,
      },
      async (ctx) => answer(ctx, await accounts.createGuest({ label: ctx.userAgent, isLoadTest: ctx.isLoadTest })),
    ),
    route(
      { method: "POST", path: "/api/accounts/sign-out", role: "player", limit: perMinute(60), reply: nothing },
      async ({ principal, setCookie }) => {
        await accounts.signOut(principal);
        if (principal.via === "cookie") setCookie(cookie.clear());
        return {};
      },
    ),
    route(
      { method: "GET", path: "/api/accounts/me", role: "player", limit: perMinute(240), reply: accountShape },
      async ({ principal }) => accountAnswer(await accounts.me(principal.accountId)),
    ),
    ...credentialRoutes(accounts, answer),
    ...sessionRoutes(accounts),
    ...dataRightsRoutes(accounts, cookie),
  ];
}

function sessionRoutes(accounts: Accounts) {
  return [
    route(
      { method: "GET", path: "/api/accounts/sessions", role: "player", limit: perMinute(60), reply: sessionList },
      async ({ principal }) => {
        const list = await accounts.listSessions(principal);
        const sessions = list.map(({ createdAt, lastSeenAt, expiresAt, ...rest }) => ({
          ...rest,
          createdAt: createdAt.toISOString(),
          lastSeenAt: lastSeenAt.toISOString(),
          expiresAt: expiresAt.toISOString(),
        }));
        return { sessions };
      },
    ),
    route(
      {
        method: "DELETE",
        path: "/api/accounts/sessions",
        role: "player",
        limit: perMinute(60),
        query: endQuery,
        reply: ended,
        errors: ["ACCOUNTS_SESSION_UNKNOWN"],
      },
      async ({ principal, query: { sessionId } }) => {
        if (sessionId === undefined) return { ended: await accounts.endOtherSessions(principal) };
        await accounts.endSession(principal, sessionId as SessionId);
        return { ended: 1 };
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/ticket",
        role: "player",
        limit: perMinute(240),
        body: ticketBody,
        reply: ticketReply,
      },
      async ({ principal, body }) => ({
        ticket: await accounts.issueTicket(principal, body),
        expiresInMs: TICKET_TTL_MS,
      }),
    ),
  ];
}
