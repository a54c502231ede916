import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Options, Sql } from "postgres";
import { type ErrorCode, errorCodes } from "../../schema/errors/codes.ts";
import { AppError, invariant } from "./errors.ts";
import type { Log } from "./log.ts";
import { drizzle, postgres } from "./postgres-driver.ts";

/** The database through Drizzle. Reads and single statements go through it; several statements need a `Tx`. */
export type Db = PostgresJsDatabase<Record<string, never>>;
/** An open transaction. A verb that writes inside another's transaction takes one as its first argument. */
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];
/** For verbs that read, and do not mind where. */
export type DbOrTx = Db | Tx;
/** The driver itself, for statements that Drizzle cannot say. An int8 arrives as a BigInt, a timestamptz as a Date. */
export type DatabaseSql = Sql<{ bigint: bigint }>;

export interface Database {
  sql: DatabaseSql;
  db: Db;
  /** Waits up to five seconds for what is under way, then closes every connection. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`. A host that is a folder (`%2Fvar%2Frun` or `?host=/var/run`) is a unix socket. */
  url: string;
  log: Log;
  /** What the connections are called in `pg_stat_activity`. */
  applicationName?: string;
  connectionsMax?: number;
  /** The server ends a statement after this long (57014). 0 means never. */
  statementTimeoutMs?: number;
  /** The server gives up waiting for a lock after this long (55P03). 0 means never. */
  lockTimeoutMs?: number;
  /** The server ends a connection whose transaction sits idle for this long, so that a stuck process holds no locks. 0 means never. */
  idleTransactionTimeoutMs?: number;
}

const RECONNECT_MS_MAX = 1000;
/** How often the server looks whether the process that asked is still there: a killed process holds its locks no longer than this. */
const CLIENT_CHECK_MS = 1000;

/** Numbers that Postgres gives its types, from its table pg_type. */
const JSON_TEXT = 114;
const TIMESTAMPTZ = 1184;
const JSONB = 3802;

/** Opens a pool. Nothing is sent until the first query, which fails, and does not wait, when there is no server. */
export function openDatabase(options: DatabaseOptions): Database {
  const sql = connect(options.url, {
    max: options.connectionsMax ?? 10,
    onclose: (connection) => options.log.debug({ connection }, "database.connection_closed"),
    connection: {
      application_name: options.applicationName ?? "umpire",
      statement_timeout: options.statementTimeoutMs ?? 10_000,
      lock_timeout: options.lockTimeoutMs ?? 5000,
      idle_in_transaction_session_timeout: options.idleTransactionTimeoutMs ?? 10_000,
      client_connection_check_interval: CLIENT_CHECK_MS,
      TimeZone: "UTC",
    },
  });
  keepPlansOfCalls(sql);
  const db: Db = drizzle(sql);
  acceptPlainValues(sql);
  return { sql, db, close: () => sql.end({ timeout: 5 }) };
}

/** A client of the driver with the house's settings: used here, by the migrator, and by the launcher of our own server. */
export function connect(url: string, options: Options<Record<never, never>>): DatabaseSql {
  const { address, host } = splitSocketFolder(url);
  const sql = postgres(address, {
    connect_timeout: 5,
    onnotice: () => {},
    backoff: (attempts) => Math.min(RECONNECT_MS_MAX, 25 * 2 ** attempts) / 1000,
    ...options,
    ...(host === null ? {} : { host }),
    types: { bigint: postgres.BigInt },
  });
  // The loss of a reserved connection ends the process: the one defect of the driver that has no cure.
  sql.reserve = () => Promise.reject(new Error("connections are not reserved: begin a transaction"));
  return sql;
}

/** The database's time in epoch milliseconds, right to within one round trip: what a process anchors its clock to. */
export async function databaseNowMs({ sql }: Database): Promise<number> {
  await sql`select 1`;
  const [row] = await sql<{ nowMs: number }[]>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"`;
  if (row === undefined) throw new Error("the database did not tell the time");
  return row.nowMs;
}

/**
 * What Postgres said about a statement that failed: its SQLSTATE and the constraint that was violated, if any. Null for
 * everything else, a lost connection included. Drizzle wraps the driver's error; this is the only place that knows.
 */
export function databaseError(thrown: unknown): { code: string; constraint: string | null } | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof postgres.PostgresError) return { code: error.code, constraint: error.constraint_name ?? null };
  }
  return null;
}

/** What `umpire.refuse` raises with: the message is a code of ours, the detail its details. */
const REFUSED = "UM000";

/** What calls an SQL function of ours, with its refusals as failures of the table. */
export function refusing<T>(query: PromiseLike<T>): Promise<T> {
  return Promise.resolve(query).catch((thrown: unknown) => {
    throw refusalOf(thrown) ?? thrown;
  });
}

function refusalOf(thrown: unknown): AppError | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (!(error instanceof postgres.PostgresError) || error.code !== REFUSED) continue;
    invariant(error.message in errorCodes, "an SQL function refuses with a code of the table");
    return new AppError(error.message as ErrorCode, JSON.parse(error.detail ?? "{}"));
  }
  return null;
}

/** Whether `thrown` is Postgres refusing a second row where `constraint`, a unique or primary key by name, allows one. */
export function isUniqueViolation(thrown: unknown, constraint: string): boolean {
  const error = databaseError(thrown);
  return error?.code === "23505" && error.constraint === constraint;
}

/** The driver wants a socket's folder as an option of its own; addresses carry it as host or, like libpq's, as parameter. */
function splitSocketFolder(url: string): { address: string; host: string | null } {
  const address = new URL(url);
  const parameter = address.searchParams.get("host");
  address.searchParams.delete("host");
  const host = parameter ?? decodeURIComponent(address.hostname);
  return { address: address.href, host: host.startsWith("/") ? host : null };
}

/** Calls of our SQL functions. Their texts are few, where a list of ids in a query makes another text for each length. */
const CALL = /^\s*select (?:\* from )?umpire\.\w+\(/;

/** Drizzle lets the driver keep no plan, and ask for each statement's types first: a round trip that calls can do without. */
function keepPlansOfCalls(client: Pick<DatabaseSql, "unsafe">): void {
  const { unsafe } = client;
  const prepared: DatabaseSql["unsafe"] = (text, values, options) =>
    unsafe(text, values, CALL.test(text) ? { ...options, prepare: true } : options);
  Object.assign(client, { unsafe: prepared });
  if (!("begin" in client)) return;
  const { begin } = client as DatabaseSql;
  const begun = (...given: unknown[]) => {
    const work = given.pop() as (tx: Pick<DatabaseSql, "unsafe">) => unknown;
    const options = given as [options?: string];
    return begin(options[0] ?? "", (tx) => {
      keepPlansOfCalls(tx);
      return work(tx) as Promise<unknown>;
    });
  };
  Object.assign(client, { begin: begun });
}

/** Drizzle turns the driver's conversion of times and JSON off. Its columns do without, but statements in plain SQL do not. */
function acceptPlainValues(sql: DatabaseSql): void {
  const { serializers, parsers } = sql.options;
  serializers[TIMESTAMPTZ] = (value: unknown) => (value instanceof Date ? value.toISOString() : value);
  parsers[TIMESTAMPTZ] = (text: string) => new Date(text);
  for (const type of [JSON_TEXT, JSONB]) {
    serializers[type] = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  }
}
