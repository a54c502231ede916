import type { ServerResponse } from "node:http";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Limit } from "../../platform/rate-limit.ts";
import { createTally, takeAll } from "../../platform/tally.ts";
import type { PublicRooms, RoomsChange, Sight } from "./public-rooms.ts";

/** Tells by server-sent events what rooms of a name there are: all of them first, and then what changes. */
export interface LobbyFeed {
  /** Takes over the answer. Fails, with nothing written, as `board` does, and with RATE_LIMITED or UNAVAILABLE. */
  open(response: ServerResponse, asked: FeedRequest): void;
  /** Ends every feed; clients come back to another process. */
  stop(): void;
}

export interface FeedRequest {
  readonly name: string;
  readonly sight: Sight;
  /** What limits count by: see Caller.address. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface LobbyFeedParts {
  readonly publicRooms: PublicRooms;
  readonly clock: Pick<Clock, "every">;
}

/** How often an address may begin to follow: a client that is cut off comes back within seconds. */
export const FEED_LIMIT: Limit = { count: 120, perSeconds: 60 };
export const FOLLOWERS_MAX = 1000;
export const FOLLOWERS_PER_ADDRESS_MAX = 16;
/** Who leaves more than this unread is let go, and begins anew with all rooms when it reads again. */
export const UNREAD_BYTES_MAX = 256 * 1024;
/** Our listener, and proxies, cut off what says nothing for half a minute. */
const BEAT_MS = 10_000;

export function createLobbyFeed({ publicRooms, clock }: LobbyFeedParts): LobbyFeed {
  const byAddress = createTally({
    max: FOLLOWERS_PER_ADDRESS_MAX,
    refusal: () => new AppError("RATE_LIMITED", { retryAfterSeconds: 10 }),
  });
  const all = createTally({
    max: FOLLOWERS_MAX,
    refusal: () => new AppError("UNAVAILABLE", { reason: "followers", retryAfterSeconds: 10 }),
  });
  const open = new Set<ServerResponse>();
  const written = createWriting();
  const stopBeating = clock.every(BEAT_MS, () => {
    for (const response of open) response.write(":\n\n");
  });
  return {
    open(response, { name, sight, address, headers }) {
      const board = publicRooms.board(name, sight);
      const leave = takeAll(
        () => byAddress.take(address),
        () => all.take("all"),
      );
      const close = () => {
        unfollow();
        open.delete(response);
        leave();
      };
      response.once("close", close);
      open.add(response);
      // No proxy may keep back what has not filled its buffer.
      const kind = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
      response.writeHead(200, { ...headers, ...kind });
      response.write(":\n\n");
      const unfollow = board.follow(sight, (change) => {
        response.write(written(change));
        if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
      });
    },
    stop() {
      stopBeating();
      for (const response of open) response.end();
    },
  };
}

/** Those who see the same are told with the same object, and it is written out once. */
function createWriting(): (change: RoomsChange) => string {
  const texts = new WeakMap<RoomsChange, string>();
  return (change) => {
    const text = texts.get(change) ?? `data: ${JSON.stringify(change)}\n\n`;
    texts.set(change, text);
    return text;
  };
}
