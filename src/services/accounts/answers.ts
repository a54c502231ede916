import { z } from "zod";
import type { RouteContext } from "../../platform/http.ts";
import type { SessionCookie } from "./cookie.ts";
import type { Account, SignedIn } from "./service.ts";

/** What a body may ask for: `token` answers with the token, for programs; `cookie` keeps it from the page. */
export const sessionChoice = z.enum(["token", "cookie"]).default("token");

export const accountShape = z.object({
  id: z.string(),
  displayName: z.string(),
  kind: z.enum(["guest", "registered"]),
  createdAt: z.iso.datetime(),
});
export const signedInShape = z.object({
  token: z.string().nullable(),
  account: accountShape,
  expiresAt: z.iso.datetime(),
});

type Asked = Pick<RouteContext<{ readonly session: "token" | "cookie" }, unknown, unknown>, "body" | "setCookie">;

/** Hands the token over in the way the caller asked for. */
export type AnswerSignedIn = (asked: Asked, result: SignedIn) => z.infer<typeof signedInShape>;

export function createAnswer(cookie: SessionCookie): AnswerSignedIn {
  return ({ body, setCookie }, result) => {
    if (body.session === "cookie") setCookie(cookie.set(result.token, result.absoluteExpiresAt));
    const token = body.session === "cookie" ? null : result.token;
    return { token, account: accountAnswer(result.account), expiresAt: result.expiresAt.toISOString() };
  };
}

export function accountAnswer({ createdAt, ...rest }: Account): z.infer<typeof accountShape> {
  return { ...rest, createdAt: createdAt.toISOString() };
}
