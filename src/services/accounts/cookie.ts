/** Where a request says whose it is, as Node reads them. */
export interface SessionHeaders {
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
}

/** The cookie that carries a session for a browser page, which then never holds the token itself. */
export interface SessionCookie {
  /** The token in a request's Cookie header, or null. */
  read(headers: SessionHeaders): string | null;
  /** The Set-Cookie line that keeps `token` until `expiresAt`. */
  set(token: string, expiresAt: Date): string;
  /** The Set-Cookie line that makes the browser forget it. */
  clear(): string;
}

/**
 * HttpOnly keeps it from scripts, SameSite=Strict from requests that other sites cause. In production `__Host-` makes the
 * browser insist on Secure and on this very host, so that no sibling domain can plant one; plain http knows no Secure.
 */
export function createSessionCookie({ isProduction }: { isProduction: boolean }): SessionCookie {
  const name = isProduction ? "__Host-umpire_session" : "umpire_session";
  const attributes = `Path=/; HttpOnly; SameSite=Strict${isProduction ? "; Secure" : ""}`;
  return {
    read({ cookie = "" }) {
      const pairs = cookie.split(";").map((pair) => pair.trim());
      const pair = pairs.find((candidate) => candidate.startsWith(`${name}=`));
      return pair?.slice(name.length + 1) ?? null;
    },
    set: (token, expiresAt) => `${name}=${token}; Expires=${expiresAt.toUTCString()}; ${attributes}`,
    clear: () => `${name}=; Max-Age=0; ${attributes}`,
  };
}
