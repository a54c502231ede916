import { createHash } from "node:crypto";
import { type Random, secretText } from "../../platform/random.ts";

/** What a mailed link is good for. */
type LinkPurpose = "password-reset" | "registration";

/** Long enough for a mail to arrive, too short for one that is found later. */
export const LINK_TTL_MS = 15 * 60_000;
/** Mails that anybody may cause to one address, whether it has an account or not. */
export const MAIL_LIMIT = { count: 3, perSeconds: 900 };
const TOKEN_BITS = 256;

/** A new secret for a link. It goes into the mail and nowhere else. */
export function mintLinkToken(random: Random): string {
  return secretText(random, TOKEN_BITS);
}

/** What is stored in the token's place. The purpose is hashed with it, so a token is nothing to any other door. */
export function linkTokenHash(purpose: LinkPurpose, token: string): string {
  return createHash("sha256").update(`umpire ${purpose} ${token}`).digest("base64url");
}

/** In the fragment, which a browser neither sends to a server nor names to the next page. */
export function linkUrl(publicUrl: string, purpose: LinkPurpose, token: string): string {
  return `${publicUrl}/#${purpose}=${token}`;
}
