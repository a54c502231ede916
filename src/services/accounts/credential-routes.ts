import { z } from "zod";
import { EMAIL_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN } from "../../../schema/protocol.ts";
import { route } from "../../platform/http.ts";
import { type AnswerSignedIn, accountAnswer, sessionChoice, signedInShape } from "./answers.ts";
import { displayNameSchema } from "./names.ts";
import type { Accounts } from "./service.ts";

const email = z.string().max(EMAIL_CHARS_MAX).toLowerCase().pipe(z.email());
const password = z.string().min(PASSWORD_CHARS_MIN).max(PASSWORD_CHARS_MAX);
const linkToken = z.string().regex(/^[\w-]{43}$/);
const device = z.string().max(1024).optional();
const session = sessionChoice;

const registerBody = z.strictObject({ email, password, displayName: displayNameSchema.optional(), session });
const confirmBody = z.strictObject({ token: linkToken, password, session });
const signInBody = z.strictObject({ email, password, device, session });
const changeBody = z.strictObject({ currentPassword: password, password, session });
const askResetBody = z.strictObject({ email });
const resetBody = z.strictObject({ token: linkToken, password });

/** `expiresAt` is null, and the account still a guest's, as long as a registration waits for its mailed link. */
const registered = signedInShape.extend({ expiresAt: signedInShape.shape.expiresAt.nullable() });
const knownDevice = signedInShape.extend({ device: z.string() });
const nothing = z.object({});

const NEW_PASSWORD = ["ACCOUNTS_PASSWORD_COMMON"] as const;

/** For doors behind which a password is hashed or a mail is sent. */
const limit = { count: 20, perSeconds: 60 };

/** The doors of whoever has, wants or has forgotten a password. */
export function credentialRoutes(accounts: Accounts, answer: AnswerSignedIn) {
  return [
    route(
      {
        method: "POST",
        path: "/api/accounts/register",
        role: "player",
        limit,
        body: registerBody,
        reply: registered,
        errors: [
          ...NEW_PASSWORD,
          "ACCOUNTS_ALREADY_REGISTERED",
          "ACCOUNTS_EMAIL_TAKEN",
          "ACCOUNTS_BANNED",
          "MAIL_UNAVAILABLE",
        ],
      },
      async (ctx) => {
        const { session: _, ...registration } = ctx.body;
        const signedIn = await accounts.register(ctx.principal, { ...registration, label: ctx.userAgent });
        if (signedIn !== null) return answer(ctx, signedIn);
        return { token: null, account: accountAnswer(await accounts.me(ctx.principal.accountId)), expiresAt: null };
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/register/confirm",
        role: "anyone",
        limit,
        body: confirmBody,
        reply: signedInShape,
        errors: [
          "ACCOUNTS_LINK_INVALID",
          "ACCOUNTS_CREDENTIALS_WRONG",
          "ACCOUNTS_EMAIL_TAKEN",
          "ACCOUNTS_ALREADY_REGISTERED",
          "ACCOUNTS_BANNED",
        ],
      },
      async (ctx) => {
        const { session: _, ...confirmation } = ctx.body;
        const former = ctx.principal;
        return answer(ctx, await accounts.confirmRegistration({ ...confirmation, label: ctx.userAgent, former }));
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/sign-in",
        role: "anyone",
        limit,
        body: signInBody,
        reply: knownDevice,
        errors: ["ACCOUNTS_CREDENTIALS_WRONG", "ACCOUNTS_BANNED"],
      },
      async (ctx) => {
        const { session: _, ...credentials } = ctx.body;
        const former = ctx.principal?.sessionId ?? null;
        const signedIn = await accounts.signIn({ ...credentials, label: ctx.userAgent, former });
        return { ...answer(ctx, signedIn), device: signedIn.device };
      },
    ),
    ...passwordRoutes(accounts, answer),
  ];
}

function passwordRoutes(accounts: Accounts, answer: AnswerSignedIn) {
  return [
    route(
      {
        method: "POST",
        path: "/api/accounts/password",
        role: "player",
        limit,
        body: changeBody,
        reply: signedInShape,
        errors: [...NEW_PASSWORD, "ACCOUNTS_CREDENTIALS_WRONG", "ACCOUNTS_NOT_REGISTERED", "ACCOUNTS_BANNED"],
      },
      async (ctx) => {
        const { session: _, ...change } = ctx.body;
        return answer(ctx, await accounts.changePassword(ctx.principal, { ...change, label: ctx.userAgent }));
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/password/reset",
        role: "anyone",
        limit,
        body: askResetBody,
        reply: nothing,
        errors: ["MAIL_UNAVAILABLE"],
      },
      async ({ body }) => {
        await accounts.requestPasswordReset(body);
        return {};
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/accounts/password/reset/confirm",
        role: "anyone",
        limit,
        body: resetBody,
        reply: nothing,
        errors: [...NEW_PASSWORD, "ACCOUNTS_LINK_INVALID"],
      },
      async ({ body }) => {
        await accounts.resetPassword(body);
        return {};
      },
    ),
  ];
}
