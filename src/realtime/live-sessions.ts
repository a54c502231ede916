import type { SessionId } from "../../schema/ids.ts";
import { type CloseCode, closeCodes } from "../../schema/protocol.ts";
import type { Clock } from "../platform/clock.ts";

/** Longer than a ticket lives, so that a ticket issued before the sign-out cannot slip in after it. */
const REMEMBER_ENDED_MS = 120_000;

const CLOSE_CODES = { ended: closeCodes.SIGNED_OUT, banned: closeCodes.BANNED } as const;

/** The sockets that each account session holds, so that ending a session ends them at once. */
export interface LiveSessions {
  /** Registers a socket. Returns a function that takes it out again. */
  enter(sessionId: SessionId, close: (code: CloseCode) => void): () => void;
  /**
   * Closes every socket of the session, or hands them to its successor, and refuses new ones for a while. To hear of the
   * same end again changes nothing.
   */
  end(sessionId: SessionId, successor: SessionId | null, reason: keyof typeof CLOSE_CODES): void;
  hasEnded(sessionId: SessionId): boolean;
  /** The sessions that hold a socket now, or a seat whose player is away. */
  held(): SessionId[];
}

interface Socket {
  sessionId: SessionId;
  readonly close: (code: CloseCode) => void;
}

export function createLiveSessions({ clock }: { clock: Clock }): LiveSessions {
  const sockets = new Map<SessionId, Set<Socket>>();
  const ended = new Set<SessionId>();
  const add = (socket: Socket) => {
    const held = sockets.get(socket.sessionId) ?? new Set();
    sockets.set(socket.sessionId, held.add(socket));
  };
  const remove = (socket: Socket) => {
    const held = sockets.get(socket.sessionId);
    held?.delete(socket);
    if (held?.size === 0) sockets.delete(socket.sessionId);
  };
  return {
    enter(sessionId, close) {
      const socket = { sessionId, close };
      add(socket);
      return () => remove(socket);
    },
    end(sessionId, successor, reason) {
      ended.add(sessionId);
      clock.after(REMEMBER_ENDED_MS, () => ended.delete(sessionId));
      for (const socket of [...(sockets.get(sessionId) ?? [])]) {
        if (successor === null) {
          socket.close(CLOSE_CODES[reason]);
          continue;
        }
        remove(socket);
        socket.sessionId = successor;
        add(socket);
      }
    },
    hasEnded: (sessionId) => ended.has(sessionId),
    held: () => [...sockets.keys()],
  };
}
