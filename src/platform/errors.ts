import { type ErrorCode, errorEntry } from "../../schema/errors/codes.ts";
import { isDatabaseUnavailable } from "./database-failures.ts";
import type { Ids } from "./ids.ts";
import type { Log } from "./log.ts";

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An expected failure: a code of the table, with details that are safe to show. Causes are for the log only. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(errorEntry(code).message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = errorEntry(code).status;
    this.details = details;
  }
}

/** Says what must hold. A false condition is a defect of ours: it is answered as INTERNAL and logged with its cause. */
export function invariant(condition: unknown, whatMustHold: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${whatMustHold}`);
}

/** The one JSON shape in which a failure leaves the server, by HTTP and in a room. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  details: ErrorDetails;
  errorId: string;
}

/**
 * Turns whatever was thrown into what may be shown. A database that cannot be had at the moment is UNAVAILABLE. Anything
 * else that is not an AppError is a defect: it is logged once, with its cause, and shown as INTERNAL with an id that finds
 * that line.
 */
export function createErrorTranslator({ ids, log }: { ids: Ids; log: Log }) {
  return function translate(thrown: unknown, where: Record<string, unknown>): AppErrorShown {
    const errorId = ids.mint("error");
    const error = thrown instanceof AppError ? thrown : new AppError(codeOf(thrown), {}, thrown);
    // A refusal that has no cause, such as 503 under a flood, has nothing to tell that its metric does not.
    const isTold = error.status >= 500 && (error.code === "INTERNAL" || error.cause !== undefined);
    if (isTold) log.error({ ...where, errorId, err: error.cause ?? error }, "error.answered");
    return {
      status: error.status,
      body: { code: error.code, message: error.message, details: error.details, errorId },
    };
  };
}

function codeOf(thrown: unknown): ErrorCode {
  return isDatabaseUnavailable(thrown) ? "UNAVAILABLE" : "INTERNAL";
}

export interface AppErrorShown {
  status: number;
  body: ErrorBody;
}

export type TranslateError = ReturnType<typeof createErrorTranslator>;
