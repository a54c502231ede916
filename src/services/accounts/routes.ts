import { z } from "zod";
import type { SessionId } from "../../../schema/ids.ts";
import { EMAIL_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, TICKET_TTL_MS } from "../../../schema/protocol.ts";
import { parse, type Route, type RouteContext, route } from "../../platform/http.ts";
import { createSessionCookie } from "./cookie.ts";
import { displayNameSchema } from "./names.ts";
import type { Accounts, SignedIn } from "./service.ts";

const email = z.string().max(EMAIL_CHARS_MAX).toLowerCase().pipe(z.email());
const password = z.string().min(PASSWORD_CHARS_MIN).max(PASSWORD_CHARS_MAX);
/** `token` answers with the token, for programs. `cookie` sets an HttpOnly cookie and keeps the token from the page. */
const session = z.enum(["token", "cookie"]).default("token");

const guestBody = z.strictObject({ session });
const registerBody = z.strictObject({ email, password, displayName: displayNameSchema.optional(), session });
const signInBody = z.strictObject({ email, password, session });
const ticketBody = z.strictObject({ room: z.string().regex(/^[\w-]{1,64}$/) });
const endQuery = z.strictObject({
  sessionId: z
    .string()
    .regex(/^ses_[\w-]{43}$/)
    .optional(),
});

const account = z.object({
  id: z.string(),
  displayName: z.string(),
  kind: z.enum(["guest", "registered"]),
  createdAt: z.iso.datetime(),
});
const signedIn = z.object({ token: z.string().nullable(), account, expiresAt: z.iso.datetime() });
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

export function accountsRoutes(accounts: Accounts, { isProduction }: { isProduction: boolean }): Route[] {
  const cookie = createSessionCookie({ isProduction });
  /** Hands the token over in the way the caller asked for. */
  const answer = (
    { body, setCookie }: Pick<RouteContext<SessionChoice, unknown>, "body" | "setCookie">,
    result: SignedIn,
  ) => {
    if (body.session === "cookie") setCookie(cookie.set(result.token, result.absoluteExpiresAt));
    const token = body.session === "cookie" ? null : result.token;
    return { token, account: accountReply(result.account), expiresAt: result.expiresAt.toISOString() };
  };
  return [
    route(
      {
        method: "POST",
        path: "/api/accounts/guest",
        role: "anyone",
        limit: perMinute(120),
        body: guestBody,
        reply: signedIn,
      },
      async (ctx) => answer(ctx, await accounts.createGuest({ label: ctx.userAgent })),
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/register",
        role: "player",
        limit: perMinute(20),
        body: registerBody,
        reply: signedIn,
      },
      async (ctx) => {
        const { session: _, ...registration } = ctx.body;
        return answer(ctx, await accounts.register(ctx.principal, { ...registration, label: ctx.userAgent }));
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/sign-in",
        role: "anyone",
        limit: perMinute(20),
        body: signInBody,
        reply: signedIn,
      },
      async (ctx) => {
        const { session: _, ...credentials } = ctx.body;
        const former = ctx.principal?.sessionId ?? null;
        return answer(ctx, await accounts.signIn({ ...credentials, label: ctx.userAgent, former }));
      },
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
      { method: "GET", path: "/api/accounts/me", role: "player", limit: perMinute(240), reply: account },
      async ({ principal }) => accountReply(await accounts.me(principal.accountId)),
    ),
    ...sessionRoutes(accounts),
  ];
}

function sessionRoutes(accounts: Accounts): Route[] {
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
      { method: "DELETE", path: "/api/accounts/sessions", role: "player", limit: perMinute(60), reply: ended },
      async ({ principal, query }) => {
        const { sessionId } = parse(endQuery, Object.fromEntries(query));
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

interface SessionChoice {
  readonly session: "token" | "cookie";
}

function accountReply({ createdAt, ...rest }: SignedIn["account"]) {
  return { ...rest, createdAt: createdAt.toISOString() };
}
