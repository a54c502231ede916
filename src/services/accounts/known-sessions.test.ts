import { expect, test } from "vitest";
import type { SessionId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createKnownSessions, type KnownSession } from "./known-sessions.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const { db, sql } = await createTestDatabase();
const clock = new TestClock();
const { accounts } = createTestAccounts({ db, clock });
const elsewhere = createTestAccounts({ db, clock }).accounts;
let isHearing = true;
accounts.hearSessionsWhile(() => isHearing);

const principalOf = (token: string) => accounts.principalOf({ authorization: `Bearer ${token}` });

async function aGuest(where = accounts) {
  const { token } = await where.createGuest({ label: "vitest" });
  const principal = await elsewhere.principalOf({ authorization: `Bearer ${token}` });
  if (principal === null) throw new Error("a guest has a session");
  const ticket = await elsewhere.issueTicket(principal, { room: "arena" });
  return { token, principal, ticket };
}
type Guest = Awaited<ReturnType<typeof aGuest>>;

/** Whether the session is taken for alive, by its token and by its ticket. */
async function isAlive({ token, ticket }: Guest): Promise<[boolean, boolean]> {
  const isGood = await accounts.tickets.check(ticket, "arena").then(
    () => true,
    () => false,
  );
  return [(await principalOf(token)) !== null, isGood];
}
const ALIVE = [true, true];
const OVER = [false, false];

/** As if it had ended and nobody had heard of it: whoever still takes it for alive has not asked Postgres. */
const endUnheard = ({ principal }: Guest) => sql`delete from umpire.account_sessions where id = ${principal.sessionId}`;

test("[BAN8] a session that was opened here is not asked for, nor is one that was asked for once", async () => {
  const [opened, known, unknown] = [await aGuest(), await aGuest(elsewhere), await aGuest(elsewhere)];
  expect(await isAlive(known)).toEqual(ALIVE);
  for (const guest of [opened, known, unknown]) await endUnheard(guest);
  expect(await isAlive(opened)).toEqual(ALIVE);
  expect(await isAlive(known)).toEqual(ALIVE);
  expect(await isAlive(unknown)).toEqual(OVER);
});

test("[BAN8] Postgres is asked while ends may go unheard, and again about everything after a gap", async () => {
  const [quiet, gap] = [await aGuest(), await aGuest()];
  await endUnheard(quiet);
  isHearing = false;
  expect(await isAlive(quiet)).toEqual(OVER);
  expect(await isAlive(gap)).toEqual(ALIVE);
  isHearing = true;
  await endUnheard(gap);
  accounts.hearSessionsWhile(() => isHearing);
  expect(await isAlive(gap)).toEqual(OVER);
});

test("[BAN8] an end is an end at once: one's own, one that another process tells, and one that nobody understands", async () => {
  const [own, told, mumbled] = [await aGuest(), await aGuest(), await aGuest()];
  await accounts.signOut(own.principal);
  expect(await isAlive(own)).toEqual(OVER);
  await endUnheard(told);
  accounts.hearSessionEnded(JSON.stringify([told.principal.sessionId, null, "ended"]));
  expect(await isAlive(told)).toEqual(OVER);
  await endUnheard(mumbled);
  expect(() => accounts.hearSessionEnded('["from a newer release"]')).toThrow();
  expect(await isAlive(mumbled)).toEqual(OVER);
});

test("[BAN8] a session that is known expires as any other, and its use is written down as often", async () => {
  const [used, unused] = [await aGuest(), await aGuest()];
  const seenAt = async () => (await accounts.listSessions(used.principal))[0]?.lastSeenAt.getTime();
  const begin = clock.now();
  clock.advance(9 * MINUTE_MS);
  expect(await principalOf(used.token)).not.toBeNull();
  expect(await seenAt()).toBe(begin);
  clock.advance(MINUTE_MS);
  expect(await principalOf(used.token)).not.toBeNull();
  expect(await seenAt()).toBe(clock.now());
  clock.advance(30 * DAY_MS - 5 * MINUTE_MS);
  expect(await principalOf(unused.token)).toBeNull();
  for (let day = 30; day < 89; day++) {
    expect(await principalOf(used.token), `day ${day}`).not.toBeNull();
    clock.advance(DAY_MS);
  }
  clock.advance(DAY_MS - 6 * MINUTE_MS);
  expect(await principalOf(used.token)).not.toBeNull();
  // Ninety days after it began, and two minutes after it was last asked for.
  clock.advance(2 * MINUTE_MS);
  expect(await principalOf(used.token)).toBeNull();
});

const id = (name: string): SessionId => `ses_${name}` as const;
const read: KnownSession = { accountId: "acc_1", displayName: "Ada", kind: "guest", lastSeenMs: 0, expiresMs: 1 };

test("[BAN8] what was read before an end, or before a gap, is not kept after it", () => {
  const known = createKnownSessions();
  known.listenedBy(() => true);
  const late = known.beforeReading();
  known.end(id("ended"));
  late(id("ended"), read);
  late(id("alive"), read);
  expect([known.get(id("ended")), known.get(id("alive"))]).toEqual([null, read]);
  const beforeGap = known.beforeReading();
  known.listenedBy(() => true);
  beforeGap(id("alive"), read);
  expect(known.get(id("alive"))).toBeNull();
});

test("[BAN8] as many are known as fit, and the first gives way", () => {
  const known = createKnownSessions({ max: 2 });
  known.listenedBy(() => true);
  for (const name of ["a", "b", "c"]) known.beforeReading()(id(name), read);
  expect(["a", "b", "c"].map((name) => known.get(id(name)) !== null)).toEqual([false, true, true]);
});
