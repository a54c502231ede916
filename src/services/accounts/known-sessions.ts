import type { AccountId, SessionId } from "../../../schema/ids.ts";

/** Whose a session is: what a ticket says of whoever bears it. */
export interface Bearer {
  readonly accountId: AccountId;
  readonly displayName: string;
  readonly kind: "guest" | "registered";
}

/** A session that was alive when it was read. */
export interface KnownSession extends Bearer {
  readonly lastSeenMs: number;
  readonly expiresMs: number;
}

/**
 * Sessions that this process need not ask Postgres about, because it would have heard of their end. Name and kind of an
 * account change only together with its sessions, so they are kept with them.
 */
export interface KnownSessions {
  /** Null where Postgres has to be asked. Whether it has expired is for the caller to see. */
  get(sessionId: SessionId): KnownSession | null;
  /**
   * Called before Postgres is asked. What it returns keeps what was read; not so if the session has ended meanwhile, or
   * may have ended unheard.
   */
  beforeReading(): (sessionId: SessionId, read: KnownSession) => void;
  end(sessionId: SessionId): void;
  /** Hearing has begun, also anew after a gap, in which any session may have ended. It lasts while `isHearing` says so. */
  listenedBy(isHearing: () => boolean): void;
  /** Something was said that nobody understood: any session may have ended. */
  forgetAll(): void;
}

const ENDED = "ended";
/** About 20 MB. Whoever came first is forgotten first; then Postgres is asked again. */
const KNOWN_MAX = 50_000;

type Book = Map<SessionId, KnownSession | typeof ENDED>;

export function createKnownSessions({ max = KNOWN_MAX } = {}): KnownSessions {
  /** A gap begins a new one, so that what was read before it is written where nobody looks any more. */
  let book: Book = new Map();
  let isHearing = () => false;
  const write = (into: Book, sessionId: SessionId, entry: KnownSession | typeof ENDED) => {
    into.set(sessionId, entry);
    if (into.size <= max) return;
    for (const oldest of into.keys()) {
      into.delete(oldest);
      break;
    }
  };
  return {
    get(sessionId) {
      const entry = book.get(sessionId);
      return entry === undefined || entry === ENDED || !isHearing() ? null : entry;
    },
    beforeReading() {
      const open = book;
      return (sessionId, read) => {
        if (open.get(sessionId) !== ENDED) write(open, sessionId, read);
      };
    },
    // An ended session never comes back, so that its end outweighs whatever was read a moment before.
    end: (sessionId) => write(book, sessionId, ENDED),
    listenedBy(hearing) {
      isHearing = hearing;
      book = new Map();
    },
    forgetAll() {
      book = new Map();
    },
  };
}
