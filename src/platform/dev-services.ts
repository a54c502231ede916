import { randomBytes } from "node:crypto";
import { rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type DatabaseSql, databaseError } from "./database.ts";
import type { Log } from "./log.ts";
import {
  type Cluster,
  isAlive,
  type Launched,
  launchServer,
  locateCluster,
  PORT,
  readPostmaster,
  removeHalfMade,
  removePostmasterFile,
  USER,
  unusable,
} from "./postgres-cluster.ts";

/** A Postgres server that needs no installation, for development, small servers and tests. */
export interface OwnPostgres {
  /** For `openDatabase` and `migrate`: an address whose host is the folder of a unix socket. */
  url: string;
  /** Whether another process was using the server at that moment. */
  shared: boolean;
  /** Stops the server, unless another process uses it: the last one out does. Returns when it has stopped. */
  stop(): Promise<void>;
}

export interface OwnPostgresOptions {
  /** The server's files are in `<folder>/pg`. */
  folder: string;
  /** Off for tests: faster, and a crash of the machine loses everything. */
  fsync: boolean;
  log: Log;
}

const DATABASE = "umpire";
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 30_000;
/** Between two looks at something that another process is about to do. */
const POLL_MS = 15;
/** How often one who leaves looks whether it is the last. */
const LAST_LOOKS = 10;
/** A server that ends at once may have met the remains of another. After this many, with growing pauses, it has a reason. */
const LAUNCHES_MAX = 5;
/** Advisory locks in the database `postgres`, where nothing else takes any. Every user of the server shares the first. */
const USING = 1;
const CREATING = 2;

/**
 * Starts the server in `folder`, or joins the one that runs there already: another Umpire's, or one whose Umpire was
 * killed. Throws, saying what to do, where none can run.
 */
export async function startOwnPostgres({ folder, fsync, log }: OwnPostgresOptions): Promise<OwnPostgres> {
  const cluster = await locateCluster(folder);
  const deadline = AbortSignal.timeout(START_MS_MAX);
  let launched: Launched | null = null;
  let launches = 0;
  let cause: unknown;
  while (!deadline.aborted) {
    const found = await look(cluster);
    if (found.is === "joined") {
      if (launched !== null) await removeHalfMade(cluster);
      const { url, shared, presence } = found.membership;
      log.info({ folder: cluster.home, adopted: launched === null, shared }, "database.started");
      let stopping: Promise<void> | null = null;
      return { url, shared, stop: () => (stopping ??= leave(cluster, presence, log)) };
    }
    if (found.is === "busy") cause = found.cause;
    if (found.is === "absent" && launched?.hasExited() !== false) {
      const reason = await launched?.lastWords();
      if (launches === LAUNCHES_MAX) throw unusable(`it ended as soon as it was started.\n${reason}`);
      if (launches > 0) log.warn({ launches, reason }, "database.start_failed");
      if (launches > 0) await pause(25 * 2 ** launches);
      launched = await launchServer(cluster, { fsync });
      launches += 1;
    }
    await pause(POLL_MS);
  }
  throw unusable(`it was not ready after ${START_MS_MAX / 1000} s; see ${cluster.logFile}.`, cause);
}

interface Membership {
  url: string;
  shared: boolean;
  presence: Presence;
}

type Found = { is: "joined"; membership: Membership } | { is: "absent" } | { is: "busy"; cause: unknown };

/** Joins the server that serves the folder, if there is one and it lets us. "busy" is one that starts or stops. */
async function look(cluster: Cluster): Promise<Found> {
  const postmaster = await readPostmaster(cluster);
  if (postmaster === null) return { is: "absent" };
  // A folder that was moved under a running server has its socket moved with it, but not the address in its file.
  let cause: unknown;
  for (const socketFolder of new Set([postmaster.socketFolder, cluster.socketFolder])) {
    if (socketFolder === "") continue;
    const presence = openPresence(socketFolder);
    try {
      if (await serves(presence.sql, cluster)) {
        const shared = await presence.hold();
        await createDatabase(presence.sql);
        return { is: "joined", membership: { url: socketUrl(socketFolder, DATABASE), shared, presence } };
      }
      // The file came here with a copy of a folder whose server is running elsewhere.
      await presence.end();
      removePostmasterFile(cluster, postmaster);
      return { is: "absent" };
    } catch (thrown) {
      await presence.end();
      cause = thrown;
      if (!isUnreachable(thrown)) return { is: "busy", cause };
    }
  }
  if (!(await isAlive(postmaster))) {
    removePostmasterFile(cluster, postmaster);
    return { is: "absent" };
  }
  // Nobody can reach a server whose socket was deleted. It is stopped, and the next look finds the folder free.
  if (postmaster.isReady) process.kill(postmaster.pid, "SIGINT");
  return { is: "busy", cause };
}

/** Releases the server, and stops it when nobody else holds it: who wants to join at that moment waits, and starts the next. */
async function leave(cluster: Cluster, presence: Presence, log: Log): Promise<void> {
  try {
    const isLast = await presence.release();
    if (isLast) await shutDown(cluster, log);
    log.info({ folder: cluster.home, stopped: isLast }, "database.left");
  } catch (thrown) {
    // The server is gone already, killed or stopped by hand, or it is about to be.
    const code = databaseError(thrown)?.code ?? "57P";
    if (!code.startsWith("57P")) throw thrown;
  } finally {
    await presence.end();
  }
}

/** A fast shutdown: ends all connections, writes everything down. */
async function shutDown(cluster: Cluster, log: Log): Promise<void> {
  const postmaster = await readPostmaster(cluster);
  if (postmaster === null || !(await isAlive(postmaster))) return;
  process.kill(postmaster.pid, "SIGINT");
  const deadline = AbortSignal.timeout(STOP_MS_MAX);
  while (await isAlive(postmaster)) {
    if (deadline.aborted) return log.warn({ pid: postmaster.pid }, "database.stop_unfinished");
    await pause(POLL_MS);
  }
  if (cluster.socketFolder !== cluster.home) await rmdir(cluster.socketFolder).catch(() => {});
}

interface Presence {
  sql: DatabaseSql;
  /** Says that this process uses the server, as long as it lives. Tells whether others do. */
  hold(): Promise<boolean>;
  /** Takes that back. Tells whether nobody does any more; then nobody can begin to before this connection ends. */
  release(): Promise<boolean>;
  end(): Promise<void>;
}

/**
 * A connection that holds a lock for as long as this process uses the server. The lock ends with the connection, so a
 * killed process is not counted. A server that restarts its backends after a crash ends it too: it is taken again.
 */
function openPresence(socketFolder: string): Presence {
  let isHeld = false;
  const hold = () => sql`select pg_advisory_lock_shared(${USING})`;
  const holdAgain = async () => {
    while (
      isHeld &&
      !(await hold().then(
        () => true,
        () => false,
      ))
    )
      await pause(POLL_MS);
  };
  const sql = connect(socketUrl(socketFolder, "postgres"), {
    max: 1,
    max_lifetime: null,
    fetch_types: false,
    connection: { application_name: "umpire presence" },
    onclose: () => void holdAgain(),
  });
  return {
    sql,
    async hold() {
      await hold();
      isHeld = true;
      const [others] = await sql<{ are: boolean }[]>`
        select count(*) > 0 as are from pg_locks
        where locktype = 'advisory' and objid = ${USING} and granted and pid <> pg_backend_pid()`;
      return others?.are === true;
    },
    async release() {
      isHeld = false;
      await sql`select pg_advisory_unlock_shared(${USING})`;
      // A process that was killed a moment ago counts until the server has noticed.
      for (let looks = 0; looks < LAST_LOOKS; looks++) {
        if (looks > 0) await pause(POLL_MS);
        const [row] = await sql<{ isLast: boolean }[]>`select pg_try_advisory_lock(${USING}) as "isLast"`;
        if (row?.isLast === true) return true;
      }
      return false;
    },
    async end() {
      isHeld = false;
      await sql.end({ timeout: 1 });
    },
  };
}

/** Whether the server sees a file that was put into the folder just now. Names of folders prove nothing: they are copied and mounted. */
async function serves(sql: DatabaseSql, { data }: Cluster): Promise<boolean> {
  const name = `umpire-${randomBytes(8).toString("hex")}`;
  await writeFile(join(data, name), "", { mode: 0o600 });
  try {
    const [row] = await sql<{ found: boolean }[]>`
      select (pg_stat_file(${name}, true)).size is not null as found`;
    return row?.found === true;
  } finally {
    await rm(join(data, name), { force: true });
  }
}

async function createDatabase(sql: DatabaseSql): Promise<void> {
  const exists = async () => (await sql`select from pg_database where datname = ${DATABASE}`).length === 1;
  if (await exists()) return;
  await sql`select pg_advisory_lock(${CREATING})`;
  if (!(await exists())) await sql.unsafe(`create database ${DATABASE}`);
  await sql`select pg_advisory_unlock(${CREATING})`;
}

function isUnreachable(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && ["ENOENT", "ECONNREFUSED"].includes(String(thrown.code));
}

function socketUrl(folder: string, database: string): string {
  return `postgres://${USER}@${encodeURIComponent(folder)}:${PORT}/${database}`;
}
