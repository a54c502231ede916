import { type ErrorCode, errorCodes } from "../../schema/errors/codes.ts";

/**
 * Every code of the server's tables, and two that only a client can find:
 * - `NETWORK`: no answer from an Umpire server: unreachable, too late, cut off, or a proxy answered in its place.
 * - `PROTOCOL`: an answer this client does not understand. It is probably older than the server: offer an update.
 */
export type ClientErrorCode = ErrorCode | "NETWORK" | "PROTOCOL";

interface ClientErrorParts {
  readonly code: ClientErrorCode;
  readonly message: string;
  readonly status?: number;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly errorId?: string | null;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** The one error that calls of the client reject with. Branch on `code`; `message` is one sentence fit for a person. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;
  /** The HTTP status, or for a refusal inside a room the one its code stands for; 0 when there was no answer. */
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;
  /** `err_…`, the server's name for this very failure in its log: quote it in a report. */
  readonly errorId: string | null;
  /** How long the server asks to be left alone, in seconds. */
  readonly retryAfterSeconds?: number;

  constructor({ code, message, status = 0, details = {}, errorId = null, retryAfterSeconds, cause }: ClientErrorParts) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.details = details;
    this.errorId = errorId;
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function networkError(message: string, cause?: unknown, details: Record<string, unknown> = {}): ClientError {
  return new ClientError({ code: "NETWORK", message, details, cause });
}

/** A coded failure that came without its body, such as the reason for which a room closed the connection. */
export function codedError(code: ErrorCode, details: Record<string, unknown> = {}): ClientError {
  const { status, message } = errorCodes[code];
  return new ClientError({ code, status, message, details });
}

interface Refusal {
  /** `{ code, message, details, errorId }`, as the server writes it; anything else is somebody else's answer. */
  readonly body: unknown;
  /** Absent inside a room, where the code's own status stands in. */
  readonly status?: number;
  readonly retryAfterSeconds?: number | undefined;
}

/** Reads a refusal, from HTTP or from a room. This is the one place where the client looks into an error body. */
export function readRefusal({ body, status, retryAfterSeconds }: Refusal): ClientError {
  if (!isErrorBody(body)) {
    if (status === undefined) return codedError("ROOM_FAULT", { reason: body });
    const message = `The server could not be reached: something answered ${status} in its place.`;
    return new ClientError({ code: "NETWORK", message, status, retryAfterSeconds });
  }
  const { code, message, errorId = null, details = {} } = body;
  if (!isErrorCode(code)) {
    return new ClientError({ code: "PROTOCOL", message, status: status ?? 0, details: { ...details, code }, errorId });
  }
  return new ClientError({
    code,
    message,
    details,
    errorId,
    status: status ?? errorCodes[code].status,
    retryAfterSeconds,
  });
}

/** What the engine tells a client that it turns away at a room's door: a number, and a sentence with the code in front. */
const REFUSED_AT_DOOR = /^([A-Z][A-Z_]+): (.*) \((err_\w+)\)$/s;

/** Reads a refusal at a room's door, which the engine carries as text. Null when it is not one of ours. */
export function readDoorRefusal(text: string | undefined): ClientError | null {
  const [, code, message, errorId] = REFUSED_AT_DOOR.exec(text ?? "") ?? [];
  return code === undefined ? null : readRefusal({ body: { code, message, errorId } });
}

interface ErrorBody {
  code: string;
  message: string;
  details?: Record<string, unknown>;
  errorId?: string;
}

function isErrorBody(value: unknown): value is ErrorBody {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Partial<ErrorBody>;
  return typeof code === "string" && typeof message === "string";
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
