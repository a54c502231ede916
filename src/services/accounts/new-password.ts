import { and, eq, gt } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import { accountPasswordResets, accounts } from "../../../schema/tables/accounts.ts";
import { AppError } from "../../platform/errors.ts";
import type { Principal } from "../../platform/http.ts";
import { createAttempts } from "./attempts.ts";
import { findCredentials, lockAccount, replacePassword } from "./credentials.ts";
import type { Enter } from "./entrance.ts";
import { refuseGuessablePassword } from "./guessable-passwords.ts";
import { passwordResetLetter } from "./letters.ts";
import { LINK_TTL_MS, linkTokenHash, linkUrl, MAIL_LIMIT, mintLinkToken } from "./links.ts";
import type { Passwords } from "./passwords.ts";
import type { AccountsParts, SignedIn } from "./service.ts";
import type { Sessions } from "./sessions.ts";

interface NewPasswordParts extends AccountsParts {
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly enter: Enter;
}

interface NewPasswordVerbs {
  changePassword(principal: Principal, change: PasswordChange): Promise<SignedIn>;
  requestPasswordReset(request: { email: string }): Promise<void>;
  resetPassword(reset: { token: string; password: string }): Promise<void>;
}

export interface PasswordChange {
  readonly currentPassword: string;
  readonly password: string;
  readonly label: string;
}

/** Whoever found an open session may guess the password only so often. */
const GUESSES_LIMIT = { count: 10, perSeconds: 600 };

export function createNewPassword(parts: NewPasswordParts): NewPasswordVerbs {
  const { db, clock, random, log, mail, publicUrl } = parts;
  const guesses = createAttempts(parts, "password change", GUESSES_LIMIT);
  const mails = createAttempts(parts, "password reset", MAIL_LIMIT);
  return {
    async changePassword(principal, change) {
      await guesses.take(principal.accountId);
      const signedIn = await changeKnown(parts, principal, change);
      log.info({ accountId: principal.accountId }, "accounts.password_changed");
      return signedIn;
    },

    async requestPasswordReset({ email: given }) {
      const email = given.toLowerCase();
      await mails.take(email);
      mail.send(async () => {
        const found = await findCredentials(db, { email });
        if (found === null) return null;
        const token = mintLinkToken(random);
        const tokenHash = linkTokenHash("password-reset", token);
        const pending = { tokenHash, email, expiresAt: new Date(clock.now() + LINK_TTL_MS) };
        await db
          .insert(accountPasswordResets)
          .values({ accountId: found.account.id, ...pending })
          .onConflictDoUpdate({ target: accountPasswordResets.accountId, set: pending });
        return passwordResetLetter(email, linkUrl(publicUrl, "password-reset", token));
      });
    },

    async resetPassword(reset) {
      const accountId = await resetForgotten(parts, reset);
      log.info({ accountId }, "accounts.password_reset");
    },
  };
}

async function changeKnown(
  { db, clock, sessions, passwords, enter }: NewPasswordParts,
  { accountId, sessionId }: Principal,
  { currentPassword, password, label }: PasswordChange,
): Promise<SignedIn> {
  const found = await findCredentials(db, { accountId });
  if (found === null) throw new AppError("ACCOUNTS_NOT_REGISTERED");
  const { account, email } = found;
  const verdict = await passwords.check(found.passwordHash, currentPassword);
  if (verdict === "wrong") throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
  refuseGuessablePassword(password, { email, displayName: account.displayName });
  const passwordHash = await passwords.hash(password);
  return enter(async (tx) => {
    const opened = await sessions.open(tx, { accountId, label, former: sessionId, renews: true });
    if (!opened.ended.includes(sessionId)) throw new AppError("UNAUTHENTICATED");
    // Of two changes at once the second one's current password is no longer that.
    const now = await findCredentials(tx, { accountId });
    if (now?.passwordHash !== found.passwordHash) throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
    await replacePassword(tx, { accountId, email, passwordHash, now: clock.date() });
    const others = await sessions.removeAll(tx, accountId, opened.sessionId);
    return { account, opened: { ...opened, ended: [...opened.ended, ...others] }, renewed: [sessionId] };
  });
}

/** Signs nobody in: whoever holds the link proves it once more with the new password. */
async function resetForgotten(
  { db, clock, sessions, passwords }: NewPasswordParts,
  { token, password }: { token: string; password: string },
): Promise<AccountId> {
  const tokenHash = linkTokenHash("password-reset", token);
  const isPending = () =>
    and(eq(accountPasswordResets.tokenHash, tokenHash), gt(accountPasswordResets.expiresAt, clock.date()));
  const { accountId: id, email } = accountPasswordResets;
  const [found] = await db
    .select({ accountId: id, email, displayName: accounts.displayName })
    .from(accountPasswordResets)
    .innerJoin(accounts, eq(accounts.id, id))
    .where(isPending());
  if (found === undefined) throw new AppError("ACCOUNTS_LINK_INVALID");
  refuseGuessablePassword(password, found);
  const passwordHash = await passwords.hash(password);
  const accountId = found.accountId as AccountId;
  const ended = await db.transaction(async (tx) => {
    await lockAccount(tx, accountId);
    const [spent] = await tx.delete(accountPasswordResets).where(isPending()).returning();
    const change = { accountId, email: found.email, passwordHash, now: clock.date() };
    const isDone = spent !== undefined && (await replacePassword(tx, change));
    if (!isDone) throw new AppError("ACCOUNTS_LINK_INVALID");
    return sessions.removeAll(tx, accountId);
  });
  sessions.announceEnded(ended);
  return accountId;
}
