import { attendSupervisor } from "./cluster/processes/child-messages.ts";
import type { Connections } from "./cluster/processes/dealing.ts";
import { createSystemClock } from "./platform/clock.ts";
import {
  type Config,
  ConfigError,
  describeSettings,
  environmentWith,
  readConfig,
  redactConfig,
} from "./platform/config.ts";
import { createLog, type Log } from "./platform/log.ts";

/** For clients: what the server's routes take and answer. */
export type { ApiRoute } from "./services/routes.ts";

/** From BSD's sysexits: the configuration is wrong, so a supervisor need not try again. */
const EXIT_CONFIG = 78;

const USAGE = `Usage: npm start                serve the game; -- --processes N: by N processes that share its port
       npm run dev              serve it from source, restart on change
       npm run config           list every setting
       npm run db:migrate       bring the database up to date and leave
       npm run operator         make operators; ban, unban, export and delete accounts; read the audit log`;

async function main([command, ...words]: readonly string[]): Promise<void> {
  if (command === "config") return void process.stdout.write(`${describeSettings()}\n`);
  if (command !== undefined && !["migrate", "operator", "child", "--dev", "--processes"].includes(command)) {
    process.stderr.write(`${USAGE}\n`);
    process.exitCode = 64;
    return;
  }
  const config = readConfig(environmentWith(command === "--processes" ? { PROCESSES: words[0] ?? "" } : {}));
  if (command === "operator") {
    // The answer stands alone on standard output, for a program to read.
    const log = createLog({ level: config.LOG_LEVEL, destination: process.stderr });
    const [{ operate }, { catalogue }] = await Promise.all([import("./app.ts"), import("../rooms/catalogue/index.ts")]);
    return void process.stdout.write(await operate({ catalogue, config, log }, words));
  }
  if (command === "child") return serveAsChild(config, Number(words[0]));
  const log = createLog({ level: config.LOG_LEVEL });
  if (command === "migrate") return (await import("./app.ts")).migrateDatabase(config, log);
  if (config.PROCESSES > 1 && command !== "--dev") return serveByMany(config, log);
  const { app, stop } = await serve(config, log, { mode: command === "--dev" ? "dev" : "built" });
  greet(config, app.port);
  onSignals(stopOnce(log, stop, app.abandon));
}

/** What a process that does not serve need not load is loaded here. */
async function serve(config: Config, log: Log, { mode, connections = null }: ServeOptions) {
  log.info({ config: redactConfig(config) }, "server.starting");
  const [{ createApp }, { catalogue }, { rooms }, { createPages }] = await Promise.all([
    import("./app.ts"),
    import("../rooms/catalogue/index.ts"),
    import("../rooms/index.ts"),
    import("../rooms/page/serve.ts"),
  ]);
  const pages = await createPages({ mode });
  const app = await createApp({ rooms, catalogue, config, log, pages: pages.serve, connections });
  log.info({ port: app.port, metricsPort: app.metricsPort }, "server.ready");
  const stop = async () => {
    await app.stop();
    await pages.stop();
  };
  return { app, stop };
}

interface ServeOptions {
  readonly mode: "dev" | "built";
  readonly connections?: Connections | null;
}

/** One of several, who is told by its supervisor when to leave. */
async function serveAsChild(config: Config, number: number): Promise<void> {
  const log = createLog({ level: config.LOG_LEVEL, base: { process: number } });
  let leave = (_reason: string) => process.exit(0);
  const supervisor = attendSupervisor(createSystemClock(), (reason) => leave(reason));
  const { app, stop } = await serve(config, log, { mode: "built", connections: supervisor });
  const stopping = stopOnce(log, stop, app.abandon);
  leave = ((reason: string) => {
    supervisor.leaving();
    stopping(reason);
  }) as typeof leave;
  onSignals(leave);
  supervisor.ready({ metricsPort: app.metricsPort });
}

async function serveByMany(config: Config, log: Log): Promise<void> {
  const { supervise } = await import("./cluster/processes/supervision.ts");
  const onGivenUp = (lastWords: string) =>
    giveUp(new Error(`No process can be kept alive. The last one said:\n${lastWords}`));
  const supervisor = await supervise({ config, log, file: import.meta.filename, onGivenUp });
  log.info({ port: supervisor.port, processes: config.PROCESSES }, "supervisor.ready");
  greet(config, supervisor.port);
  process.on("SIGHUP", () => void supervisor.roll());
  onSignals(stopOnce(log, supervisor.stop, supervisor.kill));
}

function greet({ TLS_CERT_FILE, HOST }: Config, port: number): void {
  const scheme = TLS_CERT_FILE === null ? "http" : "https";
  process.stdout.write(`\n  Umpire is ready: ${scheme}://${HOST}:${port}\n\n`);
}

/** One Ctrl-C reaches the process two or three times: from the terminal, from npm, from the watcher. */
const SAME_SIGNAL_MS = 1000;

/** What is left behind by the second signal may take this long to stop. */
const ABANDON_MS = 5000;

/** The first call lets matches end; a second one, meant as such, does not wait for them. */
function stopOnce(log: Log, stop: () => Promise<void>, abandon: () => Promise<void>): (reason: string) => void {
  const clock = createSystemClock();
  let stoppingSinceMs: number | undefined;
  let isAbandoned = false;
  return (reason) => {
    if (stoppingSinceMs !== undefined) {
      if (isAbandoned || clock.monotonicMs() - stoppingSinceMs <= SAME_SIGNAL_MS) return;
      isAbandoned = true;
      log.warn({ reason }, "server.abandoned");
      clock.after(ABANDON_MS, () => process.exit(1));
      abandon()
        .catch((err: unknown) => log.error({ err }, "server.abandon_failed"))
        .finally(() => process.exit(1));
      return;
    }
    stoppingSinceMs = clock.monotonicMs();
    log.info({ reason }, "server.stopping");
    stop().then(
      () => process.exit(isAbandoned ? 1 : 0),
      (err: unknown) => {
        log.error({ err }, "server.stop_failed");
        process.exit(1);
      },
    );
  };
}

function onSignals(stop: (reason: string) => void): void {
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

/** A start that cannot succeed ends with one plain message. */
function giveUp(error: unknown): never {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  const isTaken = code === "EADDRINUSE";
  const words = error instanceof Error ? error.message : String(error);
  const message = isTaken
    ? `Port ${port} is taken. Set PORT, METRICS_PORT or RELAY_PORT, whichever it is, to another; 0 takes a free one.`
    : words;
  process.stderr.write(`${message}\n`);
  process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
}

main(process.argv.slice(2)).catch(giveUp);
