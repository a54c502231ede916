import { z } from "zod";
import { RECONNECT_SECONDS } from "../../schema/protocol.ts";
import { type Random, secretText } from "./random.ts";

/**
 * Every setting of the server, declared once: its type, default and meaning. This is the only file that reads the
 * environment; values are passed on and never imported.
 */
interface Setting<T> {
  readonly type: string;
  readonly schema: z.ZodType<T, string>;
  /** What holds when the variable is absent; null where absence has a meaning of its own. */
  readonly fallback: T;
  readonly description: string;
  /** Printed as `set` or `not set`, never in clear. */
  readonly secret?: true;
}

const PORT_MAX = 65_535;
const SECRET_CHARS_MIN = 32;
/** Shipped in examples and copied by somebody sooner or later: refused in production. */
const EXAMPLE_SECRET = "change-me-change-me-change-me-change-me";

const settings = {
  NODE_ENV: oneOf(
    ["development", "test", "production"],
    "development",
    "Production refuses defaults that are only safe on a desk.",
  ),
  HOST: text("127.0.0.1", "Address to listen on. 0.0.0.0 serves the network."),
  PORT: whole(0, PORT_MAX, 2567, "Port of the game, its API and its page. 0 takes a free one."),
  METRICS_HOST: text("127.0.0.1", "Address of the private listener for /metrics."),
  METRICS_PORT: whole(0, PORT_MAX, 2568, "Port of the private listener for /metrics. 0 takes a free one."),
  DATABASE_URL: optional(
    "Postgres to use. Without it Umpire starts its own under DATA_DIR; production insists on one.",
    true,
  ),
  DATA_DIR: text(".data", "Folder of the own Postgres and of the generated development secret."),
  SERVER_SECRET: optional(
    `Signs tickets and reconnection tokens: ${SECRET_CHARS_MIN} characters or more. Generated under DATA_DIR in development.`,
    true,
  ),
  REGION: text("local", "Name of the region this process serves; the default of the `region` filter."),
  LOG_LEVEL: oneOf(["debug", "info", "warn", "error", "silent"], "info", "Least severe events to log."),
  SESSION_IDLE_DAYS: whole(1, 365, 30, "A session unused for this long ends."),
  SESSION_ABSOLUTE_DAYS: whole(1, 730, 90, "A session ends this long after sign-in, used or not."),
  BOT_FILL: whole(0, 16, 4, "Rooms with bots keep this many players in a match as long as one of them is a person."),
  RECONNECT_SECONDS: whole(0, 600, RECONNECT_SECONDS, "A dropped player's seat is kept this long."),
  DRAIN_SECONDS: whole(0, 3600, 20, "A stopping process waits this long for its matches to end."),
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
  if (config.NODE_ENV !== "production") return problems;
  if (config.DATABASE_URL === null)
    problems.push("DATABASE_URL is required in production: the own Postgres is for development.");
  if (config.SERVER_SECRET === null) problems.push("SERVER_SECRET is required in production.");
  if (config.SERVER_SECRET === EXAMPLE_SECRET)
    problems.push("SERVER_SECRET is the one from the examples; make your own.");
  return problems;
}

/** The settings as `npm run config` prints them: name, type, default, description. */
export function describeSettings(): string {
  const rows = settingNames().map((name) => {
    const { type, fallback, description } = settings[name];
    return `${name.padEnd(22)} ${type.padEnd(44)} ${String(fallback ?? "none").padEnd(12)} ${description}`;
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

function settingNames(): SettingName[] {
  return Object.keys(settings) as SettingName[];
}

function text(fallback: string, description: string): Setting<string> {
  return { type: "text of 1 to 4096 characters", schema: z.string().min(1).max(4096), fallback, description };
}

function optional(description: string, secret?: true): Setting<string | null> {
  const schema = z.string().min(1).max(4096);
  return { type: "text of 1 to 4096 characters", schema, fallback: null, description, ...(secret && { secret }) };
}

function whole(least: number, most: number, fallback: number, description: string): Setting<number> {
  const schema = z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().int().min(least).max(most));
  return { type: `whole number from ${least} to ${most}`, schema, fallback, description };
}

function oneOf<const T extends string>(values: readonly [T, ...T[]], fallback: T, description: string): Setting<T> {
  return { type: values.join(" | "), schema: z.enum(values) as unknown as z.ZodType<T, string>, fallback, description };
}
