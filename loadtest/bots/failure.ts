import { ClientError } from "../../src/client/errors.ts";
import type { Recorder } from "../measures.ts";

/** A request or a connection that failed, by the code under which a load test counts it. */
export class Failure extends Error {
  /** The server's own code, `HTTP_<status>`, `CLOSE_<code>`, `TIMEOUT`, `NETWORK`, or `BOT_FAULT` for a bot that stumbled. */
  readonly code: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (thrown instanceof ClientError) return new Failure(codeOf(thrown), thrown.message, thrown.retryAfterSeconds);
  showFault(thrown);
  return new Failure("BOT_FAULT", String(thrown));
}

/** Calls what a bot does by itself, from a timer or a listener: what goes wrong there ends neither the bot nor its process. */
export function contained(recorder: Recorder, run: () => void): void {
  try {
    run();
  } catch (thrown) {
    recorder.error(failureOf(thrown).code);
  }
}

/** A client calls everything NETWORK that is not an Umpire server's answer; a load test wants to know which. */
function codeOf({ code, status, details }: ClientError): string {
  if (code !== "NETWORK") return code;
  if (status > 0) return `HTTP_${status}`;
  if (details["isLate"] === true) return "TIMEOUT";
  return typeof details["closeCode"] === "number" ? `CLOSE_${details["closeCode"]}` : code;
}

let isShown = false;

/** A mistake in a bot's own code is for whoever wrote it: the first one of a process is shown whole. */
function showFault(thrown: unknown): void {
  if (!isShown) console.error(thrown);
  isShown = true;
}
