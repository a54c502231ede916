import { eq } from "drizzle-orm";
import { accountCredentials, accounts } from "../../../schema/tables/accounts.ts";
import { AppError } from "../../platform/errors.ts";
import { createAttempts } from "./attempts.ts";
import { findCredentials, lockAccount } from "./credentials.ts";
import { createDevices } from "./devices.ts";
import type { Enter } from "./entrance.ts";
import { guestName } from "./names.ts";
import type { Passwords } from "./passwords.ts";
import type { AccountsParts, SignedIn, SignInAttempt, SignInResult } from "./service.ts";
import type { Sessions } from "./sessions.ts";

/** For one e-mail address, whether anybody has it or not, and likewise for one device that is known to it. */
const ADDRESS_LIMIT = { count: 30, perSeconds: 600 };
/**
 * Failures of all unknown devices together. Leaked lists are tried from many addresses at many accounts, which no other
 * limit sees; people who mistype do not reach this. Then only devices that are known sign in, and guests play on.
 */
const FAILURES_LIMIT = { count: 240, perSeconds: 60 };
const EVERYONE = "";

interface SignInParts extends AccountsParts {
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly enter: Enter;
}

interface SignInVerbs {
  createGuest(guest: { label: string; isLoadTest?: boolean }): Promise<SignedIn>;
  signIn(attempt: SignInAttempt): Promise<SignInResult>;
}

export function createSignIn(parts: SignInParts): SignInVerbs {
  const { db, clock, ids, random, log, sessions, passwords, enter } = parts;
  const devices = createDevices(parts);
  const throttle = createThrottle(parts);
  /** Null when another password was set while this one was checked. */
  const attemptSignIn = async ({ email, password, label, former }: SignInAttempt): Promise<SignedIn | null> => {
    const found = await findCredentials(db, { email });
    const verdict = await passwords.check(found?.passwordHash ?? null, password);
    if (found === null || verdict === "wrong") throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
    const { account, passwordHash } = found;
    const fresh = verdict === "outdated" ? await passwords.hash(password) : null;
    const stale = new Error("another password was set");
    const entering = enter(async (tx) => {
      await lockAccount(tx, account.id);
      const now = await findCredentials(tx, { accountId: account.id });
      if (now?.passwordHash !== passwordHash) throw stale;
      if (fresh !== null) {
        const renewed = { passwordHash: fresh, updatedAt: clock.date() };
        await tx.update(accountCredentials).set(renewed).where(eq(accountCredentials.accountId, account.id));
      }
      return { account, opened: await sessions.open(tx, { accountId: account.id, label, former }) };
    });
    return entering.catch((thrown: unknown) => {
      if (thrown === stale) return null;
      throw thrown;
    });
  };
  return {
    createGuest: ({ label, isLoadTest = false }) =>
      enter(async (tx) => {
        const guest = { displayName: guestName(random), kind: "guest", createdAt: clock.date() } as const;
        const account = { id: ids.mint("account"), ...guest };
        await tx.insert(accounts).values({ ...account, origin: isLoadTest ? "loadtest" : "player" });
        return { account, opened: await sessions.open(tx, { accountId: account.id, label, former: null }) };
      }),

    async signIn(given) {
      const attempt = { ...given, email: given.email.toLowerCase() };
      const device = attempt.device === undefined ? null : await devices.check(attempt.device, attempt.email);
      await throttle.admit(attempt.email, device);
      try {
        // A second time for the one who was overtaken by a change of the stored password; the third would be a loop.
        const signedIn = (await attemptSignIn(attempt)) ?? (await attemptSignIn(attempt));
        if (signedIn === null) throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
        log.debug({ accountId: signedIn.account.id }, "accounts.signed_in");
        return { ...signedIn, device: await devices.issue(attempt.email) };
      } catch (thrown) {
        const isWrong = thrown instanceof AppError && thrown.code === "ACCOUNTS_CREDENTIALS_WRONG";
        if (isWrong && device === null) await throttle.countFailure();
        throw thrown;
      }
    },
  };
}

/** Who may try a password at all. Nobody who has a session is ever asked here. */
function createThrottle(parts: AccountsParts) {
  const byAddress = createAttempts(parts, "sign-in", ADDRESS_LIMIT);
  const byDevice = createAttempts(parts, "sign-in by device", ADDRESS_LIMIT);
  const failures = createAttempts(parts, "sign-in failures", FAILURES_LIMIT);
  return {
    async admit(email: string, device: string | null): Promise<void> {
      if (device !== null) return byDevice.take(device);
      await byAddress.take(email);
      await failures.check(EVERYONE);
    },
    countFailure: () => failures.count(EVERYONE),
  };
}
