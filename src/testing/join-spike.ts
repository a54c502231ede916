import { Protocol } from "@colyseus/core";
import { afterAll } from "vitest";
import type { AccountId, SessionId } from "../../schema/ids.ts";
import { createSystemClock } from "../platform/clock.ts";
import { cryptoRandom } from "../platform/random.ts";
import { createTickets, type Tickets } from "../services/accounts/tickets.ts";
import { type ReservedSeat, seatPath } from "./plain-room.ts";
import { createTestDatabase } from "./postgres.ts";
import { RawSocket } from "./stacks/raw-socket.ts";
import { loadtestHeaders, Stack } from "./stacks/stack.ts";

/** As `Stack` starts its servers. */
const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const ROOM = "ticking";
/** How long each player stays. */
const STAY_MS = 1000;
/** Enough for a thousand seats in one moment: an account has few that are open. */
const ACCOUNTS = 300;
const ACCOUNTS_AT_ONCE = 10;

export interface Spike {
  /** Sends `perSecond` joins a second for so long. Each that is let in stays for a second. */
  run(load: { perSecond: number; seconds: number }): Promise<SpikeFigures>;
}

/** What came of a spike. Times in milliseconds, of joins from the request for a seat to the room's acknowledgement. */
export interface SpikeFigures {
  readonly admitted: number;
  readonly refused: number;
  /** Joins that got a seat and then no room. */
  readonly lost: number;
  readonly admittedMsP50: number;
  readonly admittedMsP99: number;
  readonly refusedMsP99: number;
  /** Of the server, for everything that a join asks of it: request, socket, a second in a room. */
  readonly cpuMsPerJoin: number;
  /** From a step of a room to its next, in ticks. */
  readonly gapTicksP99: number;
  /** Every refusal's status with its Retry-After. */
  readonly answers: readonly string[];
}

interface SpikeOptions {
  readonly processes?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

interface Bot {
  readonly accountId: AccountId;
  readonly sessionId: SessionId;
}

interface Tally {
  readonly admittedMs: number[];
  readonly refusedMs: number[];
  readonly answers: Set<string>;
  lost: number;
}

/**
 * A server with rooms that tick, in a process of its own or in several that share a Redis, and a crowd that joins it over
 * HTTP and sockets from this one, by each process in turn.
 */
export async function startSpike({ processes = 1, ...more }: SpikeOptions = {}): Promise<Spike> {
  const database = await createTestDatabase();
  const settings = { DATABASE_URL: database.url, RECONNECT_SECONDS: "0", ROOMS_PER_ACCOUNT: "100", ...more.settings };
  const servers = await Promise.all(Array.from({ length: processes }, () => Stack.start("spike", { settings })));
  afterAll(() => Promise.all(servers.map((server) => server.stop())));
  const [first] = servers as [Stack];
  const bots: Bot[] = [];
  // Who takes its seat in another process than the one it asked counts as on its way there for five seconds more.
  while (bots.length < (processes === 1 ? ACCOUNTS : 4 * ACCOUNTS)) {
    bots.push(...(await Promise.all(Array.from({ length: ACCOUNTS_AT_ONCE }, () => aBot(first)))));
  }
  // Signed here, because asking for tickets is not what the spike is about.
  const tickets = createTickets({
    clock: createSystemClock(),
    random: cryptoRandom,
    secret: SECRET,
    sessions: undefined as never,
  });
  let next = 0;
  return {
    async run({ perSecond, seconds }) {
      const tally: Tally = { admittedMs: [], refusedMs: [], answers: new Set(), lost: 0 };
      const gaps = async () =>
        (await Promise.all(servers.map((server) => server.ask<number[]>("stepGaps", undefined, 10_000)))).flat();
      const cpu = async () =>
        (await Promise.all(servers.map((server) => server.ask<number>("cpuMs", undefined, 10_000)))).reduce(
          (a, b) => a + b,
        );
      await gaps();
      const cpuMs = await cpu();
      const startedMs = performance.now();
      const joins = Array.from({ length: perSecond * seconds }, async (_, index) => {
        const bot = bots[next++ % bots.length] as Bot;
        const dueMs = (index * 1000) / perSecond - (performance.now() - startedMs);
        if (dueMs > 0) await pause(dueMs);
        await join(servers[index % processes] ?? first, bot, tickets, tally);
      });
      await Promise.all(joins);
      const cpuMsPerJoin = ((await cpu()) - cpuMs) / joins.length;
      return { ...figuresOf(tally, await gaps()), cpuMsPerJoin };
    },
  };
}

let callers = 0;

async function aBot(server: Stack): Promise<Bot> {
  const headers = loadtestHeaders(`crowd-${callers++}`);
  const guest = await server.call("POST", "/api/accounts/guest", { headers, body: {} });
  const { token, account } = guest.body as unknown as { token: string; account: { id: AccountId } };
  const asBot = { headers: { ...headers, authorization: `Bearer ${token}` } };
  const { body } = await server.call("GET", "/api/accounts/sessions", asBot);
  const [session] = body["sessions"] as { sessionId: SessionId }[];
  if (session === undefined) throw new Error("a guest has a session");
  return { accountId: account.id, sessionId: session.sessionId };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function join(server: Stack, bot: Bot, tickets: Pick<Tickets, "issue">, tally: Tally): Promise<void> {
  const ticket = await tickets.issue({ ...bot, room: ROOM });
  const headers = loadtestHeaders(`crowd-${callers++}`);
  const startedMs = performance.now();
  const asked = { headers: { ...headers, authorization: `Bearer ${ticket}` }, body: {} };
  const reply = await server.call("POST", `/matchmake/joinOrCreate/${ROOM}`, asked);
  if (reply.status !== 200) {
    tally.refusedMs.push(performance.now() - startedMs);
    tally.answers.add(`${reply.status} ${reply.body["code"]} ${reply.headers.get("retry-after")}`);
    return;
  }
  const path = seatPath(reply.body as unknown as ReservedSeat);
  const socket = await RawSocket.dial({ port: server.port, path, headers });
  const isIn = await new Promise<boolean>((resolve) => {
    socket.onFrame = (frame) => resolve(frame[0] === Protocol.JOIN_ROOM);
    void socket.closed.then(() => resolve(false));
  });
  if (!isIn) {
    tally.lost += 1;
    return;
  }
  tally.admittedMs.push(performance.now() - startedMs);
  socket.send(Uint8Array.of(Protocol.JOIN_ROOM));
  await pause(STAY_MS);
  socket.destroy();
}

function figuresOf(
  { admittedMs, refusedMs, answers, lost }: Tally,
  gaps: readonly number[],
): Omit<SpikeFigures, "cpuMsPerJoin"> {
  return {
    admitted: admittedMs.length,
    refused: refusedMs.length,
    lost,
    admittedMsP50: percentile(admittedMs, 0.5),
    admittedMsP99: percentile(admittedMs, 0.99),
    refusedMsP99: percentile(refusedMs, 0.99),
    gapTicksP99: percentile(gaps, 0.99),
    answers: [...answers].sort(),
  };
}

/** The value that `share` of all are at most; NaN of nothing. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
