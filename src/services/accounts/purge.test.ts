import { expect, test } from "vitest";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";

const { db, sql } = await createTestDatabase();
const clock = new TestClock();
const { accounts, parts } = createTestAccounts({ db, clock, guestPurgeDays: 60, sessionIdleDays: 90 });
const DAY_MS = 24 * 60 * 60_000;

const ended: string[] = [];
accounts.onSessionEnded((sessionId) => void ended.push(sessionId));

async function aGuest({ isLoadTest = false } = {}) {
  const { token, account } = await accounts.createGuest({ label: "vitest", isLoadTest });
  const use = () => accounts.principalOf({ authorization: `Bearer ${token}` });
  const principal = await use();
  if (principal === null) throw new Error("a guest is signed in");
  return { accountId: account.id, principal, use };
}

async function aRegistered(email: string, { isLoadTest = false } = {}) {
  const guest = await aGuest({ isLoadTest });
  await accounts.register(guest.principal, { email, password: "correct horse battery", label: "vitest" });
  return guest;
}

async function isThere(accountId: AccountId): Promise<boolean> {
  return (await sql`select from umpire.accounts where id = ${accountId}`).length > 0;
}

test("[PRIVACY5] a guest that nobody has used for GUEST_PURGE_DAYS is deleted, and its sessions with it", async () => {
  const idle = await aGuest();
  const returning = await aGuest();
  const registered = await aRegistered("stays@example.com");
  clock.advance(30 * DAY_MS);
  await returning.use();
  clock.advance(30 * DAY_MS - 1);
  expect(await accounts.purgeUnused()).toBe(0);
  clock.advance(1);
  expect(await accounts.purgeUnused()).toBe(1);
  expect(await isThere(idle.accountId)).toBe(false);
  expect(ended).toContain(idle.principal.sessionId);
  expect(await idle.use()).toBeNull();
  expect(await returning.use()).not.toBeNull();
  clock.advance(400 * DAY_MS);
  await accounts.purgeUnused();
  expect(await isThere(registered.accountId)).toBe(true);
  expect(await isThere(returning.accountId)).toBe(false);
});

test("[PRIVACY5] nobody who is in a room is deleted, however long ago they last asked for anything", async () => {
  const player = await aGuest();
  for (let day = 0; day < 80; day += 8) {
    clock.advance(8 * DAY_MS);
    await accounts.keepSessions([player.principal.sessionId]);
  }
  expect(await accounts.purgeUnused()).toBe(0);
  expect(await player.use()).not.toBeNull();
  clock.advance(60 * DAY_MS);
  expect(await accounts.purgeUnused()).toBe(1);
});

test("[PRIVACY5] what a load test leaves behind is deleted a day after its last use, registered or not", async () => {
  const guest = await aGuest({ isLoadTest: true });
  const registered = await aRegistered("bot@example.com", { isLoadTest: true });
  const player = await aGuest();
  clock.advance(DAY_MS / 2);
  await guest.use();
  clock.advance(DAY_MS / 2);
  expect(await accounts.purgeUnused()).toBe(1);
  expect(await isThere(registered.accountId)).toBe(false);
  expect(await isThere(guest.accountId)).toBe(true);
  clock.advance(DAY_MS / 2);
  expect(await accounts.purgeUnused()).toBe(1);
  expect(await isThere(guest.accountId)).toBe(false);
  expect(await isThere(player.accountId)).toBe(true);
});

test("[PRIVACY6] processes that purge at the same time delete each account once, in batches, and none waits", async () => {
  const guests = await Promise.all(Array.from({ length: 120 }, () => aGuest()));
  clock.advance(60 * DAY_MS);
  const others = [accounts, createTestAccounts({ ...parts, db, clock }).accounts];
  const [held] = guests;
  const unused = await sql`select from umpire.accounts where kind = 'guest'`;
  const purged = await sql.begin(async (tx) => {
    // Somebody is at work on one of them; it is left for the next time.
    await tx`select from umpire.accounts where id = ${held?.accountId ?? ""} for update`;
    return Promise.all(others.map((process) => process.purgeUnused()));
  });
  expect(purged.reduce((sum, one) => sum + one)).toBe(unused.length - 1);
  expect(await isThere(held?.accountId ?? "acc_")).toBe(true);
  expect(await accounts.purgeUnused()).toBe(1);
  const left = await sql`select id from umpire.accounts where id in ${sql(guests.map(({ accountId }) => accountId))}`;
  expect(left).toHaveLength(0);
});
