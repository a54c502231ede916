import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { CrashPointReached } from "../../src/platform/crash-point.ts";
import { type DatabaseSql, openDatabase } from "../../src/platform/database.ts";
import { createLog } from "../../src/platform/log.ts";
import { type KillablePostgres, startKillablePostgres } from "../../src/testing/killable-postgres.ts";
import { loadtestHeaders } from "../../src/testing/stacks/stack.ts";
import { type Actor, STRIPE } from "./verbs.ts";

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface ServerOptions {
  /** A setting CRASH_POINT: whoever dies of it is started again. */
  readonly crashPoint?: string;
  /** The database by another address, such as a proxy's. */
  readonly databaseUrl?: string;
}

const PREFLIGHT = join(import.meta.dirname, "../../src/preflight.mjs");
const SERVER = join(import.meta.dirname, "../../src/testing/stacks/economy-server.ts");
const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const CALL_MS_MAX = 15_000;
const START_MS_MAX = 60_000;

/** A server process and its Postgres, both of which may be killed, and someone beside them who looks into the tables. */
export class World {
  readonly postgres: KillablePostgres;
  /** The judge's own connections, straight to Postgres. */
  readonly sql: DatabaseSql;
  /** How often a crash point was reached since the server was last started by hand. */
  crashes = 0;
  /** When the victim of the last crash was there again, in monotonic ms. */
  recoveredMs = 0;
  /** When anybody last died or rose again: until some time after, nobody can expect an answer. */
  disturbedMs = 0;
  readonly #close: () => Promise<void>;
  #child: ChildProcess | null = null;
  #ports = { port: 0, doors: 0 };
  #isUnharmed = false;
  #recovering: Promise<void> = Promise.resolve();
  #lastWords = "";

  private constructor(postgres: KillablePostgres) {
    this.postgres = postgres;
    const judge = openDatabase({
      url: postgres.url,
      log: createLog({ level: "silent" }),
      applicationName: "umpire judge",
      // It reads everything, on a machine that is busy dying.
      statementTimeoutMs: 60_000,
    });
    this.sql = judge.sql;
    this.#close = judge.close;
  }

  /** `folder` holds the data of Postgres; the system's temporary folder unless given. */
  static async start(folder?: string): Promise<World> {
    const world = new World(await startKillablePostgres(folder));
    await world.startServer();
    return world;
  }

  /** Kills the server that runs, if one does, and starts another. */
  async startServer(options: ServerOptions = {}): Promise<void> {
    await this.killServer();
    this.crashes = 0;
    await this.#launch(options);
  }

  /** Sees to it that a server runs that nothing has been done to. */
  async healServer(): Promise<void> {
    if (!this.#isUnharmed) await this.startServer();
  }

  async killServer(): Promise<void> {
    this.disturbedMs = performance.now();
    const child = this.#child;
    this.#child = null;
    this.#isUnharmed = false;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async restartPostgres(): Promise<void> {
    this.disturbedMs = performance.now();
    await this.postgres.kill();
    await this.postgres.start();
    this.#isBack();
  }

  /** Waits until whoever died at a crash point is there again. */
  recovered(): Promise<void> {
    return this.#recovering;
  }

  /** One call of the server; null when there was no answer. */
  async call(at: "app" | "doors", path: string, body: string, headers: object = {}): Promise<Reply | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${at === "app" ? this.#ports.port : this.#ports.doors}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
        signal: AbortSignal.timeout(CALL_MS_MAX),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return null;
    }
  }

  /** Where the server that runs now listens. */
  get port(): number {
    return this.#ports.port;
  }

  /** So many guests with that much gold, and with more to craft with and to give away than anybody needs. */
  async actors(count: number, gold: number): Promise<Actor[]> {
    return Promise.all(Array.from({ length: count }, () => this.#actor(gold)));
  }

  async #actor(gold: number): Promise<Actor> {
    const guest = await this.call("app", "/api/accounts/guest", "{}", loadtestHeaders(`chaos-${actorNumber++}`));
    if (guest?.status !== 200) throw new Error(`no guest: ${JSON.stringify(guest)}`);
    const { token, account } = guest.body as { token: string; account: { id: string } };
    const { id: accountId } = account;
    const key = `endowment-${accountId}`;
    await this.call("doors", "/grant", JSON.stringify({ key, accountId, amount: gold + 1 }));
    const crate = { key: `crate-${accountId}`, offer: "crate", price: { currency: "gold", amount: 1 } };
    const bought = await this.call("app", "/api/store/purchases", JSON.stringify(crate), {
      authorization: `Bearer ${token}`,
    });
    if (bought?.status !== 200) throw new Error(`no endowment: ${JSON.stringify(bought)}`);
    return { accountId, token };
  }

  async stop(): Promise<void> {
    await this.killServer();
    await this.#close();
    await this.postgres.stop();
  }

  async #launch({ crashPoint, databaseUrl = this.postgres.url }: ServerOptions): Promise<void> {
    const child = fork(SERVER, {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: ["--import", PREFLIGHT, "--disable-warning=ExperimentalWarning"],
      detached: true,
      env: {
        PATH: process.env["PATH"],
        NODE_ENV: "test",
        PORT: "0",
        METRICS_PORT: "0",
        DATABASE_URL: databaseUrl,
        SERVER_SECRET: SECRET,
        LOADTEST_KEY: SECRET,
        STRIPE_SECRET_KEY: STRIPE.secretKey,
        STRIPE_WEBHOOK_SECRETS: STRIPE.webhookSecret,
        DRAIN_SECONDS: "0",
        LOG_LEVEL: "warn",
        ...(crashPoint !== undefined && { CRASH_POINT: crashPoint }),
      },
    });
    this.#child = child;
    this.#isUnharmed = crashPoint === undefined && databaseUrl === this.postgres.url;
    this.#lastWords = "";
    const listen = (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-4000);
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    child.on("message", (message: Partial<CrashPointReached>) => {
      if (message.is === "standing") this.#recovering = this.#revivePostgres(child);
    });
    child.once("exit", () => {
      if (child === this.#child) this.#recovering = this.#reviveServer(databaseUrl);
    });
    this.#ports = await new Promise((resolve, reject) => {
      const tooLong = () => reject(new Error(`the server did not start in ${START_MS_MAX} ms:\n${this.#lastWords}`));
      const timer = setTimeout(tooLong, START_MS_MAX);
      child.on("message", (message: { port?: number; doors?: number }) => {
        if (message.port === undefined) return;
        clearTimeout(timer);
        this.disturbedMs = performance.now();
        resolve({ port: message.port, doors: message.doors ?? 0 });
      });
      child.once("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`the server did not start (${code}):\n${this.#lastWords}`));
      });
    });
  }

  async #reviveServer(databaseUrl: string): Promise<void> {
    this.crashes += 1;
    this.disturbedMs = performance.now();
    await this.#launch({ databaseUrl });
    this.#isBack();
  }

  async #revivePostgres(child: ChildProcess): Promise<void> {
    this.crashes += 1;
    this.disturbedMs = performance.now();
    await this.postgres.kill();
    let isGoingOn = false;
    child.on("message", (message: Partial<CrashPointReached>) => (isGoingOn ||= message.is === "going-on"));
    while (!isGoingOn && child.signalCode === null) {
      child.kill("SIGCONT");
      await pause(5);
    }
    await this.postgres.start();
    this.#isBack();
  }

  #isBack(): void {
    this.recoveredMs = performance.now();
    this.disturbedMs = this.recoveredMs;
  }
}

let actorNumber = 0;
