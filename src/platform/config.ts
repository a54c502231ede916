import { RECONNECT_SECONDS } from "../../schema/protocol.ts";
import { parseNetwork } from "./client-address.ts";
import { clusterProblems } from "./cluster-settings.ts";
import { parseCrashPoint } from "./crash-point.ts";
import { parseOrigin } from "./origins.ts";
import { incompletePayments } from "./payment-settings.ts";
import { type Random, secretText } from "./random.ts";
import { parseSentinel } from "./redis-address.ts";
import { parseRegion } from "./region-address.ts";
import { link, list, oneOf, optional, redisUrl, type Setting, secrets, text, whole, word } from "./setting-kinds.ts";

const PORT_MAX = 65_535;
const SECRET_CHARS_MIN = 32;
/** Shipped in examples and copied by somebody sooner or later: refused in production. */
const EXAMPLE_SECRET = "change-me-change-me-change-me-change-me";

/**
 * Every setting of the server, declared once: its type, default and meaning. This is the only file that reads the
 * environment; values are passed on and never imported.
 */
const settings = {
  NODE_ENV: oneOf(
    ["development", "test", "production"],
    "development",
    "Production refuses defaults that are only safe on a desk.",
  ),
  HOST: text("127.0.0.1", "Address to listen on. 0.0.0.0 serves the network."),
  PORT: whole(0, PORT_MAX, 2567, "Port of the game, its API and its page. 0 takes a free one."),
  METRICS_HOST: text("127.0.0.1", "Address of the private listener for /metrics and for operators."),
  METRICS_PORT: whole(
    0,
    PORT_MAX,
    2568,
    "Port of the private listener for /metrics and for operators. 0 takes a free one.",
  ),
  DATABASE_URL: optional(
    "Postgres to use. Without it Umpire starts its own under DATA_DIR; production insists on one.",
    true,
  ),
  REDIS_URL: redisUrl("Redis or Valkey to use. With REDIS_SENTINELS its host is the name of the master."),
  REDIS_SENTINELS: list(parseSentinel, "host:port with commas between", "Sentinels that know where the master is."),
  REDIS_SENTINEL_PASSWORD: optional("Password of the sentinels, where they have one.", true),
  REDIS_PREFIX: word("Begins every key in Redis, so that environments can share one. By default umpire_ and NODE_ENV."),
  DATA_DIR: text(".data", "Folder of the own Postgres and of the generated development secret."),
  SERVER_SECRET: optional(
    `Signs tickets and reconnection tokens: ${SECRET_CHARS_MIN} characters or more. Generated under DATA_DIR in development.`,
    true,
  ),
  PUBLIC_URL: link("Where players reach this server; links in mail begin with it. By default HOST and PORT."),
  ALLOWED_ORIGINS: list(
    parseOrigin,
    "origins with commas between",
    "Other sites whose pages may use this server, as https://host: no path, no *.",
  ),
  TRUSTED_PROXIES: list(
    parseNetwork,
    "addresses or CIDR ranges with commas between",
    "Proxies in front of this server, whose X-Forwarded-For and X-Forwarded-Proto are believed.",
  ),
  LOADTEST_KEY: optional(
    `Lets whoever signs with it count each bot by its own name instead of its address: ${SECRET_CHARS_MIN} characters or more.`,
    true,
  ),
  TLS_CERT_FILE: optional("Certificate chain as PEM, to serve https. With TLS_KEY_FILE; or leave TLS to a proxy."),
  TLS_KEY_FILE: optional("Private key of TLS_CERT_FILE as PEM."),
  SMTP_URL: optional(
    "Sends mail: smtps://user:password@host. Without it mail is printed, in production refused.",
    true,
  ),
  MAIL_FROM: optional("Sender of mail, as `Name <address>` or an address. Required with SMTP_URL."),
  REGISTRATION: oneOf(
    ["auto", "open", "confirmed"],
    "auto",
    "Confirmed waits for a mailed link and tells nobody which addresses have accounts. Auto: confirmed in production.",
  ),
  REGION: text("local", "Name of the region this process serves; the default of the `region` filter."),
  REGIONS: list(
    parseRegion,
    "name=url with commas between",
    "Every region of the game and where its players reach it; this one's REGION among them.",
  ),
  LOG_LEVEL: oneOf(["debug", "info", "warn", "error", "silent"], "info", "Least severe events to log."),
  SESSION_IDLE_DAYS: whole(1, 365, 30, "A session unused for this long ends."),
  SESSION_ABSOLUTE_DAYS: whole(1, 730, 90, "A session ends this long after sign-in, used or not."),
  GUEST_PURGE_DAYS: whole(1, 730, 60, "A guest that nobody has used for this long is deleted."),
  BOT_FILL: whole(0, 16, 4, "Rooms with bots keep this many players in a match as long as one of them is a person."),
  RECONNECT_SECONDS: whole(0, 600, RECONNECT_SECONDS, "A dropped player's seat is kept this long."),
  SOCKETS_MAX: whole(1, 1_000_000, 10_000, "Sockets of all players together that this process takes."),
  SOCKETS_PER_ADDRESS: whole(1, 1_000_000, 64, "Sockets from one IP address; a school or a café is one address."),
  ROOMS_MAX: whole(1, 1_000_000, 2_000, "Rooms that this process runs at once."),
  ROOMS_PER_ADDRESS: whole(1, 1_000_000, 64, "Rooms that players at one IP address may have opened."),
  ROOMS_PER_ACCOUNT: whole(1, 10_000, 4, "Rooms that one player may sit in, and as many that it may have opened."),
  STRIPE_SECRET_KEY: optional("Takes payments by Stripe Checkout. With STRIPE_WEBHOOK_SECRETS and PUBLIC_URL.", true),
  STRIPE_WEBHOOK_SECRETS: secrets("Secrets of Stripe's webhook, one or, while they are rotated, two."),
  APPLE_BUNDLE_ID: optional("Takes purchases of this app in the App Store. With APPLE_ROOTS_FILE."),
  APPLE_APP_ID: whole(0, 2_147_483_647, 0, "The app's number in the App Store; production insists on it."),
  APPLE_ROOTS_FILE: optional("Apple's root certificates as PEM: receipts are believed when signed under one of these."),
  APPLE_API_ISSUER_ID: optional("Asks the App Store about purchases. With APPLE_API_KEY_ID and APPLE_API_KEY_FILE."),
  APPLE_API_KEY_ID: optional("Name of the key in APPLE_API_KEY_FILE."),
  APPLE_API_KEY_FILE: optional("Private key for the App Store Server API as PEM."),
  GOOGLE_PACKAGE: optional("Takes purchases of this app in Google Play. With the other settings GOOGLE_…."),
  GOOGLE_SERVICE_ACCOUNT_FILE: optional("Key of the service account that may see purchases, as Google's JSON."),
  GOOGLE_PUSH_AUDIENCE: optional("Audience that Pub/Sub signs for when it brings notifications."),
  GOOGLE_PUSH_EMAIL: optional("Service account that Pub/Sub brings them as."),
  PROCESSES: whole(1, 64, 1, "Processes that share PORT on this machine; also npm start -- --processes N."),
  ROLE: oneOf(["all", "game", "api"], "all", "What this process is for: game runs rooms only, api runs none."),
  RELAY_HOST: text(
    "127.0.0.1",
    "Address at which other processes hand over players of this one's rooms: never public.",
  ),
  RELAY_PORT: whole(0, PORT_MAX, 0, "Port of RELAY_HOST. 0 takes a free one."),
  RELAY_ADDRESS: optional(
    "Name or address by which others reach RELAY_HOST, where that is 0.0.0.0 and they are elsewhere.",
  ),
  PUBLIC_ADDRESS: optional(
    "host[:port] of this very process: players of its rooms dial it directly, past any balancer.",
  ),
  DRAIN_SECONDS: whole(0, 3600, 20, "A stopping process waits this long for its matches to end."),
  CRASH_POINT: optional("For tests: the point at which this process, or its Postgres, dies. Refused outside them."),
} as const;

type Settings = typeof settings;
export type SettingName = keyof Settings;
type SettingValues = { [K in SettingName]: Settings[K] extends Setting<infer T> ? T : never };

export type Config = Readonly<SettingValues>;

/** A wrong environment, with every problem in one message: the server prints it and exits with code 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(problems: readonly string[]) {
    super(
      `The configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join("\n")}\nnpm run config lists every setting.`,
    );
  }
}

/** Reads and validates the environment, or fails naming every setting that is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const problems: string[] = [];
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames()) {
    const setting = settings[name];
    const given = environment[name];
    if (given === undefined || given === "") {
      values[name] = setting.fallback;
      continue;
    }
    const parsed = setting.schema.safeParse(given);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(`${name} must be ${setting.type}.`);
  }
  const config = values as Config;
  if (problems.length === 0) problems.push(...unsafeForProduction(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function unsafeForProduction(config: Config): string[] {
  const problems: string[] = [];
  if (config.SERVER_SECRET !== null && config.SERVER_SECRET.length < SECRET_CHARS_MIN) {
    problems.push(`SERVER_SECRET must have at least ${SECRET_CHARS_MIN} characters.`);
  }
  if (config.SMTP_URL !== null && !/^smtps?:\/\//.test(config.SMTP_URL))
    problems.push("SMTP_URL must begin with smtps:// or smtp://.");
  if (config.SMTP_URL !== null && config.MAIL_FROM === null) problems.push("MAIL_FROM is required with SMTP_URL.");
  if (config.LOADTEST_KEY !== null && config.LOADTEST_KEY.length < SECRET_CHARS_MIN)
    problems.push(`LOADTEST_KEY must have at least ${SECRET_CHARS_MIN} characters.`);
  if ((config.TLS_CERT_FILE === null) !== (config.TLS_KEY_FILE === null))
    problems.push("TLS_CERT_FILE and TLS_KEY_FILE belong together: set both or neither.");
  if (config.CRASH_POINT !== null && config.NODE_ENV !== "test")
    problems.push("CRASH_POINT is for tests: it ends the process on purpose.");
  if (config.CRASH_POINT !== null && parseCrashPoint(config.CRASH_POINT) === null)
    problems.push("CRASH_POINT must be name, name#hit or name#hit:postgres, of a point in platform/crash-point.ts.");
  if (config.REGIONS.length > 0 && !config.REGIONS.some(({ name }) => name === config.REGION))
    problems.push("REGIONS must name this process's REGION, too: players are offered what stands there.");
  if (config.REDIS_SENTINELS.length > 0 && config.REDIS_URL === null)
    problems.push("REDIS_URL is required with REDIS_SENTINELS: redis://name-of-the-master.");
  problems.push(...incompletePayments(config), ...clusterProblems(config));
  if (config.NODE_ENV !== "production") return problems;
  if (config.SMTP_URL !== null && config.PUBLIC_URL === null)
    problems.push("PUBLIC_URL is required in production with SMTP_URL: links in mail begin with it.");
  if (config.DATABASE_URL === null)
    problems.push("DATABASE_URL is required in production: the own Postgres is for development.");
  if (config.SERVER_SECRET === null) problems.push("SERVER_SECRET is required in production.");
  if (config.SERVER_SECRET === EXAMPLE_SECRET)
    problems.push("SERVER_SECRET is the one from the examples; make your own.");
  return problems;
}

/** What links in mail begin with, without a slash at the end. Never taken from a request, whose Host anybody may set. */
export function publicUrl({ PUBLIC_URL, TLS_CERT_FILE, HOST, PORT }: Config): string {
  const scheme = TLS_CERT_FILE === null ? "http" : "https";
  return PUBLIC_URL ?? `${scheme}://${HOST.includes(":") ? `[${HOST}]` : HOST}:${PORT}`;
}

/** The settings as `npm run config` prints them: name, type, default, description. */
export function describeSettings(): string {
  const rows = settingNames().map((name) => {
    const { type, fallback, description } = settings[name];
    return `${name.padEnd(22)} ${type.padEnd(44)} ${(String(fallback ?? "") || "none").padEnd(12)} ${description}`;
  });
  return [`${"NAME".padEnd(22)} ${"TYPE".padEnd(44)} ${"DEFAULT".padEnd(12)} DESCRIPTION`, ...rows].join("\n");
}

/** The values in force, fit for a log line: secrets only say whether they are set. */
export function redactConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    settingNames().map((name) => {
      const isSecret = "secret" in settings[name];
      return [name, isSecret ? (config[name] === null ? "not set" : "set") : config[name]];
    }),
  );
}

/** A secret for development, long enough to pass the check above. */
export function mintServerSecret(random: Random): string {
  return secretText(random, 256);
}

/** The environment for a child: this process's own with some settings changed. */
export function environmentWith(changes: Readonly<Partial<Record<SettingName, string>>>) {
  return { ...process.env, ...changes };
}

function settingNames(): SettingName[] {
  return Object.keys(settings) as SettingName[];
}
