import { type DestinationStream, type Logger, pino } from "pino";

export type Log = Logger;

/** Never in a log line, wherever they turn up one level down. URL queries carry tickets, so only paths are logged. */
const REDACTED = ["token", "ticket", "password", "secret", "authorization", "cookie", "reconnectionToken", "email"];

/** JSON lines to standard output: one event per line, `feature.event` in the past tense as message. */
export function createLog({ level, destination }: { level: string; destination?: DestinationStream }): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
