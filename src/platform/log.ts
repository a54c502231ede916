import { type DestinationStream, type Logger, pino } from "pino";

export type Log = Logger;

/** Never in a log line, wherever they turn up one level down. URL queries carry tickets, so only paths are logged. */
const REDACTED = ["token", "ticket", "password", "secret", "authorization", "cookie", "reconnectionToken", "email"];

/** A failed query's error recites its parameters, which may be an address or a hash; what the database said may be logged. */
function serializeError(error: unknown): unknown {
  const isQuery = error instanceof Error && "query" in error && "params" in error;
  return pino.stdSerializers.err((isQuery ? (error.cause ?? new Error("a query failed")) : error) as Error);
}

interface LogOptions {
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Stands in every line, where several processes write into one log. */
  readonly base?: Readonly<Record<string, unknown>>;
}

/** JSON lines to standard output: one event per line, `feature.event` in the past tense as message. */
export function createLog({ level, destination, base }: LogOptions): Log {
  const options = {
    level,
    base: base ?? null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError },
    redact: { paths: REDACTED.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
