import { vi } from "vitest";
import type { TestClock } from "../platform/clock.ts";
import type { Db } from "../platform/database.ts";
import { createIds } from "../platform/ids.ts";
import { createLog, type Log } from "../platform/log.ts";
import { createMail } from "../platform/mail.ts";
import { cryptoRandom as random } from "../platform/random.ts";
import { createPasswords } from "../services/accounts/passwords.ts";
import { type Accounts, type AccountsParts, createAccounts } from "../services/accounts/service.ts";
import { createPersonalData } from "../services/personal-data/service.ts";

export interface TestAccounts {
  readonly accounts: Accounts;
  /** All that went into its making, to make another one. */
  readonly parts: AccountsParts;
  /** The next mail to this address, which is sent when the clock moves on; fails when there is none. */
  letterTo(email: string): Promise<string>;
  /** Every mail so far. */
  readonly letters: readonly string[];
}

/** The accounts service by itself on a database, on a clock that the test moves. Mail is collected instead of sent. */
export function createTestAccounts({
  db,
  clock,
  log = createLog({ level: "silent" }),
  ...given
}: { db: Db; clock: TestClock; log?: Log } & Partial<AccountsParts>): TestAccounts {
  const letters: string[] = [];
  const read = new Set<string>();
  const printed = { smtpUrl: null, from: null, isProduction: false, print: (text: string) => void letters.push(text) };
  const parts: AccountsParts = {
    db,
    clock,
    log,
    random,
    ids: createIds({ clock, random }),
    secret: "s".repeat(32),
    counts: null,
    passwords: createPasswords({ random }),
    sessionIdleDays: 30,
    sessionAbsoluteDays: 90,
    guestPurgeDays: 30,
    personalData: createPersonalData({ db }),
    isProduction: false,
    mail: createMail({ clock, random, log, ...printed }),
    publicUrl: "https://game.test",
    registration: "open",
    ...given,
  };
  return {
    accounts: createAccounts(parts),
    parts,
    letters,
    async letterTo(email) {
      clock.advance(1000);
      const isNew = (text: string) => text.includes(`To: ${email}\n`) && !read.has(text);
      const letter = await vi.waitUntil(() => letters.find(isNew), { interval: 2, timeout: 5000 });
      read.add(letter);
      return letter;
    },
  };
}
