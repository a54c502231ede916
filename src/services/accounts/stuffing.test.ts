import { expect, test, vi } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";

/** How many passwords were hashed: the library does its work as ever, and is counted. */
const hashed = vi.hoisted(() => ({ count: 0 }));
vi.mock("@node-rs/argon2", async (importActual) => {
  const actual = await importActual<typeof import("@node-rs/argon2")>();
  const verify: typeof actual.verify = (...args) => {
    hashed.count += 1;
    return actual.verify(...args);
  };
  return { ...actual, verify };
});

const { db } = await createTestDatabase();
const clock = new TestClock();
const { accounts } = createTestAccounts({ db, clock });
const PASSWORD = "correct horse battery";
const label = "vitest";

async function code(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "",
    (thrown: { code?: string }) => thrown.code ?? String(thrown),
  );
}

const signIn = (email: string, password: string, device?: string) =>
  accounts.signIn({ email, password, device, label, former: null });

async function alive(token: string) {
  const principal = await accounts.principalOf({ authorization: `Bearer ${token}` });
  if (principal === null) throw new Error("the session is over");
  return principal;
}

async function aRegistered(email: string) {
  const guest = await accounts.createGuest({ label });
  const signedIn = await accounts.register(await alive(guest.token), { email, password: PASSWORD, label });
  return { email, token: signedIn?.token ?? "" };
}

test("[CREDENTIALS10][CREDENTIALS11] S16: 300 leaked pairs from anywhere: 240 are tried in a minute, and no player notices", async () => {
  const [ada, grace] = [await aRegistered("ada@example.org"), await aRegistered("grace@example.org")];
  const { device } = await signIn(ada.email, PASSWORD);
  hashed.count = 0;
  const outcomes: string[] = [];
  for (let from = 0; from < 300; from += 60) {
    const pairs = Array.from({ length: 60 }, (_, index) => `leaked-${from + index}@example.com`);
    outcomes.push(...(await Promise.all(pairs.map((email) => code(signIn(email, "a leaked password"))))));
  }
  expect(hashed.count).toBe(240);
  expect(outcomes.slice(0, 240)).toEqual(Array(240).fill("ACCOUNTS_CREDENTIALS_WRONG"));
  expect(outcomes.slice(240)).toEqual(Array(60).fill("RATE_LIMITED"));

  // Signed in, playing, coming as a guest, signing in from a device that is known: none of it waits.
  const session = await alive(grace.token);
  expect(await code(accounts.me(session.accountId))).toBe("");
  expect(await code(accounts.issueTicket(session, { room: "arena" }))).toBe("");
  expect(await code(accounts.createGuest({ label }))).toBe("");
  expect(await code(signIn(ada.email, PASSWORD, device))).toBe("");
  const change = { currentPassword: PASSWORD, password: "another horse battery", label };
  expect(await code(accounts.changePassword(session, change))).toBe("");

  // A device that is not known waits, for less than a minute.
  const refused = await signIn(grace.email, "another horse battery").catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterSeconds: expect.any(Number) } });
  clock.advance(60_000);
  expect(await code(signIn(grace.email, "another horse battery"))).toBe("");
}, 60_000);

test("[CREDENTIALS11] a known device may guess as often as an address may be tried, and no more", async () => {
  const { email } = await aRegistered("hedy@example.org");
  const { device } = await signIn(email, PASSWORD);
  const guesses = await Promise.all(Array.from({ length: 31 }, () => code(signIn(email, "a wrong password", device))));
  expect(guesses.toSorted()).toEqual([...Array(30).fill("ACCOUNTS_CREDENTIALS_WRONG"), "RATE_LIMITED"]);
  // Its failures are not held against devices that nobody knows.
  expect(await code(signIn(email, PASSWORD))).toBe("");
}, 60_000);
