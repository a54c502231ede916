/**
 * What a failure of the database means for whoever asked. By the look of the error and not by its class, so that this
 * file, on which the translation of every error stands, loads no driver.
 */

/** Postgres is there and cannot do it now, by SQLSTATE: the same request may succeed in a moment. */
const UNAVAILABLE_STATES: Readonly<Record<string, string>> = {
  "25006": "the server only reads: it is a standby, or about to change roles",
  "25P03": "the transaction sat idle for too long",
  "40001": "transactions that cannot both be had, more often than the budget allows",
  "40P01": "a deadlock, more often than the budget allows",
  "53000": "a resource is used up",
  "53100": "the disk is full",
  "53200": "memory is used up",
  "53300": "too many connections",
  "55P03": "a lock was not to be had within lock_timeout",
  "57014": "the statement took longer than statement_timeout",
  "57P01": "the server is stopping",
  "57P02": "another connection crashed, and the server restarts",
  "57P03": "the server is starting",
  "58030": "the disk answered with an error",
};

/** States in which the server, or its end of the connection, is gone; so is class 08. */
const LOST_STATES = ["57P01", "57P02", "57P03", "25P03"];
/** The driver's words, and the system's, for a connection that was lost or never made. */
const LOST_CODES = [
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
];
/** Transactions that could not both be had: the server has undone this one, and it may be tried again. */
const CONFLICT_STATES = ["40001", "40P01"];

/** Whether the database cannot be had at this moment, as against a statement that is wrong. */
export function isDatabaseUnavailable(thrown: unknown): boolean {
  return isConnectionLost(thrown) || codesOf(thrown).some(({ code, isState }) => isState && code in UNAVAILABLE_STATES);
}

/** Whether the connection went away, or could not be made. What was under way when it did may or may not have happened. */
export function isConnectionLost(thrown: unknown): boolean {
  return codesOf(thrown).some(({ code, isState }) =>
    isState ? LOST_STATES.includes(code) || code.startsWith("08") : LOST_CODES.includes(code),
  );
}

/** Whether the server undid a transaction in favour of another. */
export function isConflict(thrown: unknown): boolean {
  return codesOf(thrown).some(({ code, isState }) => isState && CONFLICT_STATES.includes(code));
}

interface FailureCode {
  readonly code: string;
  /** Said by the server, as an SQLSTATE; otherwise by the driver or the system. */
  readonly isState: boolean;
}

/** Drizzle wraps the driver's error, and a service may wrap that. What the system says counts where it names a query. */
function codesOf(thrown: unknown): FailureCode[] {
  const codes: FailureCode[] = [];
  let isQuery = false;
  for (let error = thrown; error instanceof Error; error = error.cause) {
    isQuery ||= "query" in error;
    if (!("code" in error) || typeof error.code !== "string") continue;
    const isState = error.name === "PostgresError";
    // A mail server can be unreachable, too, and that has nothing to do with this.
    if (isState || isQuery || error.code.startsWith("CONNECT")) codes.push({ code: error.code, isState });
  }
  return codes;
}
