import { AppError } from "./errors.ts";

/**
 * What a failure of Redis means for whoever asked. By the look of the error and not by its class, so that whoever has to
 * know loads no client.
 */

/** Answers of a server that is there and cannot do it now, by their first word. */
const UNABLE = ["BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOREPLICAS", "OOM", "TRYAGAIN"];
/** It is no master any more. */
const DEPOSED = "READONLY";

/** Whether `thrown` says that Redis cannot be had now. */
export function isRedisUnavailable(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.code === "REDIS_UNAVAILABLE";
}

/** Of the client's errors: a Redis that hangs, is deposed, or cannot be had for another reason; or what was asked is wrong. */
export function redisFailureOf(thrown: unknown): "hanging" | "deposed" | "away" | "defect" {
  if (!(thrown instanceof Error)) return "defect";
  if (thrown.name === "ReplyError") {
    const [word = ""] = thrown.message.split(" ", 1);
    if (word === DEPOSED) return "deposed";
    return UNABLE.includes(word) ? "away" : "defect";
  }
  // The client has no classes for these, only words.
  if (thrown.message === "Command timed out") return "hanging";
  if (["MaxRetriesPerRequestError", "AbortError"].includes(thrown.name) || "syscall" in thrown) return "away";
  return /^(Connection is closed|Stream isn't writeable)/.test(thrown.message) ? "away" : "defect";
}
