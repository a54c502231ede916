import { catalogue } from "../rooms/catalogue/index.ts";
import { rooms } from "../rooms/index.ts";
import { createPages } from "../rooms/page/serve.ts";
import { createApp, migrateDatabase, operate } from "./app.ts";
import { createSystemClock } from "./platform/clock.ts";
import { type Config, ConfigError, describeSettings, readConfig, redactConfig } from "./platform/config.ts";
import { createLog, type Log } from "./platform/log.ts";

/** For clients: what the server's routes take and answer. */
export type { ApiRoute } from "./services/routes.ts";

/** From BSD's sysexits: the configuration is wrong, so a supervisor need not try again. */
const EXIT_CONFIG = 78;

const USAGE = `Usage: npm start                serve the game
       npm run dev              serve it from source, restart on change
       npm run config           list every setting
       npm run db:migrate       bring the database up to date and leave
       npm run operator         make operators; ban, unban, export and delete accounts; read the audit log`;

async function main([command, ...words]: readonly string[]): Promise<void> {
  if (command === "config") return void process.stdout.write(`${describeSettings()}\n`);
  if (command !== undefined && !["migrate", "operator", "--dev"].includes(command)) {
    process.stderr.write(`${USAGE}\n`);
    process.exitCode = 64;
    return;
  }
  const config = readConfig();
  if (command === "operator") {
    // The answer stands alone on standard output, for a program to read.
    const log = createLog({ level: config.LOG_LEVEL, destination: process.stderr });
    return void process.stdout.write(await operate({ catalogue, config, log }, words));
  }
  const log = createLog({ level: config.LOG_LEVEL });
  if (command === "migrate") return migrateDatabase(config, log);
  await serve(config, log, command === "--dev" ? "dev" : "built");
}

async function serve(config: Config, log: Log, mode: "dev" | "built"): Promise<void> {
  log.info({ config: redactConfig(config) }, "server.starting");
  const pages = await createPages({ mode });
  const app = await createApp({ rooms, catalogue, config, log, pages: pages.serve });
  log.info({ port: app.port, metricsPort: app.metricsPort }, "server.ready");
  const scheme = config.TLS_CERT_FILE === null ? "http" : "https";
  process.stdout.write(`\n  Umpire is ready: ${scheme}://${config.HOST}:${app.port}\n\n`);
  stopOnSignal(log, async () => {
    await app.stop();
    await pages.stop();
  });
}

/** One Ctrl-C reaches the process two or three times: from the terminal, from npm, from the watcher. */
const SAME_SIGNAL_MS = 1000;

/** The first signal lets matches end; a second one, meant as such, does not wait. */
function stopOnSignal(log: Log, stop: () => Promise<void>): void {
  const clock = createSystemClock();
  let stoppingSinceMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppingSinceMs !== undefined) {
      if (clock.monotonicMs() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppingSinceMs = clock.monotonicMs();
    log.info({ signal }, "server.stopping");
    stop().then(
      () => process.exit(0),
      (err: unknown) => {
        log.error({ err }, "server.stop_failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}

/** A start that cannot succeed ends with one plain message. */
function giveUp(error: unknown): never {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  const isTaken = code === "EADDRINUSE";
  const words = error instanceof Error ? error.message : String(error);
  const message = isTaken ? `Port ${port} is taken. Set PORT, or METRICS_PORT, to another; 0 takes a free one.` : words;
  process.stderr.write(`${message}\n`);
  process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
}

main(process.argv.slice(2)).catch(giveUp);
