import type { SessionId } from "../../schema/ids.ts";
import type { Clock } from "../platform/clock.ts";

/** Longer than a ticket lives, so that a ticket issued before the sign-out cannot slip in after it. */
const REMEMBER_ENDED_MS = 120_000;

/** The sockets that each account session holds, so that ending a session ends them at once. */
export interface LiveSessions {
  /** Registers a socket. Returns a function that takes it out again. */
  enter(sessionId: SessionId, close: () => void): () => void;
  /** Closes every socket of the session and refuses new ones for a while. */
  end(sessionId: SessionId): void;
  hasEnded(sessionId: SessionId): boolean;
}

export function createLiveSessions({ clock }: { clock: Clock }): LiveSessions {
  const sockets = new Map<SessionId, Set<() => void>>();
  const ended = new Set<SessionId>();
  return {
    enter(sessionId, close) {
      const closers = sockets.get(sessionId) ?? new Set();
      sockets.set(sessionId, closers.add(close));
      return () => {
        closers.delete(close);
        if (closers.size === 0 && sockets.get(sessionId) === closers) sockets.delete(sessionId);
      };
    },
    end(sessionId) {
      ended.add(sessionId);
      clock.after(REMEMBER_ENDED_MS, () => ended.delete(sessionId));
      for (const close of [...(sockets.get(sessionId) ?? [])]) close();
    },
    hasEnded: (sessionId) => ended.has(sessionId),
  };
}
