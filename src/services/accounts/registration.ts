import { and, eq, gt } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import { accountRegistrations } from "../../../schema/tables/accounts.ts";
import { AppError } from "../../platform/errors.ts";
import type { Principal } from "../../platform/http.ts";
import { createAttempts } from "./attempts.ts";
import { findCredentials, insertCredentials, lockAccount } from "./credentials.ts";
import type { Enter } from "./entrance.ts";
import { refuseGuessablePassword } from "./guessable-passwords.ts";
import { alreadyRegisteredLetter, registrationLetter } from "./letters.ts";
import { LINK_TTL_MS, linkTokenHash, linkUrl, MAIL_LIMIT, mintLinkToken } from "./links.ts";
import type { Passwords } from "./passwords.ts";
import type { AccountsParts, Registration, SignedIn } from "./service.ts";
import type { Sessions } from "./sessions.ts";

interface RegistrationParts extends AccountsParts {
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly enter: Enter;
}

interface RegistrationVerbs {
  register(principal: Principal, registration: Registration): Promise<SignedIn | null>;
  confirmRegistration(confirmation: Confirmation): Promise<SignedIn>;
}

export interface Confirmation {
  readonly token: string;
  /** The one that was chosen when registering. */
  readonly password: string;
  readonly label: string;
  /** Who the caller was so far, or null. */
  readonly former: Principal | null;
}

export function createRegistration(parts: RegistrationParts): RegistrationVerbs {
  const { log, passwords } = parts;
  const prepare = async ({ email, password, displayName }: Registration) => {
    refuseGuessablePassword(password, { email, displayName });
    return { email: email.toLowerCase(), passwordHash: await passwords.hash(password), displayName };
  };
  const postpone = createPostponing(parts);
  return {
    async register(principal, registration) {
      if (parts.registration === "confirmed") {
        await postpone(principal, registration.email.toLowerCase(), () => prepare(registration));
        return null;
      }
      const signedIn = await registerNow(parts, principal, registration.label, await prepare(registration));
      log.info({ accountId: principal.accountId }, "accounts.registered");
      return signedIn;
    },

    async confirmRegistration(confirmation) {
      const signedIn = await confirm(parts, confirmation);
      log.info({ accountId: signedIn.account.id }, "accounts.registered");
      return signedIn;
    },
  };
}

interface Prepared {
  readonly email: string;
  readonly passwordHash: string;
  readonly displayName?: string | undefined;
}

/** Tells whether an address is taken, in its answer: for development, and where there is no mail. */
function registerNow(
  { enter, clock, sessions }: RegistrationParts,
  { accountId, sessionId }: Principal,
  label: string,
  prepared: Prepared,
): Promise<SignedIn> {
  return enter(async (tx) => {
    const opened = await sessions.open(tx, { accountId, label, former: sessionId, renews: true });
    // Signed out while the password was being hashed: then it is no longer this caller's to decide.
    if (!opened.ended.includes(sessionId)) throw new AppError("UNAUTHENTICATED");
    const account = await insertCredentials(tx, { ...prepared, accountId, now: clock.date() });
    return { account, opened, renewed: [sessionId] };
  });
}

/**
 * Writes down what was asked for and mails a link, without a look at whether the address is taken: that is found out
 * after the answer, and told to the owner of the mailbox alone.
 */
function createPostponing(parts: RegistrationParts) {
  const { db, clock, random, mail, publicUrl } = parts;
  const mails = createAttempts(parts, "registration", MAIL_LIMIT);
  return async ({ accountId }: Principal, email: string, prepare: () => Promise<Prepared>): Promise<void> => {
    const own = await findCredentials(db, { accountId });
    if (own !== null) throw new AppError("ACCOUNTS_ALREADY_REGISTERED");
    await mails.take(email);
    const { passwordHash, displayName = null } = await prepare();
    const token = mintLinkToken(random);
    const tokenHash = linkTokenHash("registration", token);
    const expiresAt = new Date(clock.now() + LINK_TTL_MS);
    const pending = { tokenHash, email, passwordHash, displayName, expiresAt };
    await db
      .insert(accountRegistrations)
      .values({ accountId, ...pending })
      .onConflictDoUpdate({ target: accountRegistrations.accountId, set: pending });
    mail.send(async () => {
      const isTaken = (await findCredentials(db, { email })) !== null;
      if (isTaken) return alreadyRegisteredLetter(email, publicUrl);
      return registrationLetter(email, linkUrl(publicUrl, "registration", token));
    });
  };
}

/**
 * Takes the link and the password together. The link alone would let somebody register a stranger's address with a
 * password of their own and wait for the stranger to click. Whoever confirms is signed in and the guest's session ends,
 * its sockets going on under the new one, so that nobody who knew the guest's token is let into the account.
 */
async function confirm(
  { db, clock, sessions, passwords, enter }: RegistrationParts,
  { token, password, label, former }: Confirmation,
): Promise<SignedIn> {
  const tokenHash = linkTokenHash("registration", token);
  const isPending = () =>
    and(eq(accountRegistrations.tokenHash, tokenHash), gt(accountRegistrations.expiresAt, clock.date()));
  const [found] = await db.select().from(accountRegistrations).where(isPending());
  if (found === undefined) throw new AppError("ACCOUNTS_LINK_INVALID");
  const verdict = await passwords.check(found.passwordHash, password);
  if (verdict === "wrong") throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
  const accountId = found.accountId as AccountId;
  const signedIn = await enter(async (tx) => {
    await lockAccount(tx, accountId);
    const [pending] = await tx.delete(accountRegistrations).where(isPending()).returning();
    if (pending === undefined) throw new AppError("ACCOUNTS_LINK_INVALID");
    const account = await insertCredentials(tx, { ...pending, accountId, now: clock.date() });
    const opened = await sessions.open(tx, { accountId, label, former: null });
    const successor = opened.sessionId;
    const renewed = await sessions.removeAll(tx, accountId, successor, { successor });
    return { account, opened, renewed };
  });
  const isForeign = former !== null && former.accountId !== accountId;
  if (isForeign) await sessions.end(former.accountId, former.sessionId);
  return signedIn;
}
