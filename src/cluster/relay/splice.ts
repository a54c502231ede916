import type { Duplex } from "node:stream";
import type { Clock } from "../../platform/clock.ts";
import type { TrunkChannel } from "./trunk-channel.ts";

/** Who ended a pair of joined connections. */
export type SpliceEnd = "client" | "owner" | "client lost" | "owner lost" | "idle" | "stop";

/** Two connections that are one from end to end. */
export interface Splice {
  /** Bytes that have passed so far, both ways. */
  bytes(): number;
  /** Breaks both. */
  cut(reason: SpliceEnd): void;
}

interface SpliceParts {
  readonly client: Duplex;
  /** The stream of the trunk to the room's process. */
  readonly owner: TrunkChannel;
  readonly clock: Pick<Clock, "after">;
  readonly onClosed: (reason: SpliceEnd) => void;
}

/** How long a client may take to read what the owner had said before it broke off. */
const LAST_WORDS_MS = 1_000;

/**
 * Passes bytes on as they are, both ways. Whoever does not read stops the other from being read: what lies in between is at
 * most the stream's credit and one read of a socket. An end of one direction is the end of that direction; a connection that
 * breaks breaks the other.
 */
export function splice({ client, owner, clock, onClosed }: SpliceParts): Splice {
  let bytes = 0;
  let reason: SpliceEnd | null = null;
  /** What the client has sent and the trunk has not taken yet. */
  let rest: Buffer | null = null;
  let hasClientEnded = false;
  let cancelLastWords = () => {};
  const pass = (chunk: Buffer) => {
    const sent = owner.send(chunk);
    rest = sent < chunk.length ? chunk.subarray(sent) : null;
    if (rest !== null) client.pause();
  };
  // Not `pipe`: this is all of it that is needed, at nearly half the cost.
  client.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    pass(chunk);
  });
  client.on("drain", () => owner.waits(client.writableLength));
  client.on("end", () => {
    reason ??= "client";
    hasClientEnded = true;
    // Also one that is paused may end.
    if (rest === null) owner.end();
  });
  client.on("error", () => {
    reason ??= "client lost";
  });
  client.on("close", () => {
    cancelLastWords();
    owner.break();
    onClosed(reason ?? "client lost");
  });
  owner.ear = {
    data(lent) {
      bytes += lent.length;
      deliver(client, owner, lent);
    },
    end() {
      reason ??= "owner";
      client.end();
    },
    room() {
      if (rest !== null) pass(rest);
      if (rest !== null) return;
      if (hasClientEnded) owner.end();
      else client.resume();
    },
    broken(how) {
      reason ??= how === "other end" ? "owner" : "owner lost";
      if (how !== "other end") {
        client.destroy();
        return;
      }
      // As with a socket that is closed: what was written before still goes out, and nothing is heard any more.
      rest = null;
      client.end(() => client.destroy());
      client.resume();
      cancelLastWords = clock.after(LAST_WORDS_MS, () => client.destroy());
    },
  };
  return {
    bytes: () => bytes,
    cut(by) {
      reason ??= by;
      client.destroy();
    },
  };
}

/**
 * What is lent is the kernel's at once, unless the client does not read as fast as it is written to: then it waits in memory
 * of just its size, and not in a piece of what others share.
 */
function deliver(client: Duplex, owner: TrunkChannel, lent: Buffer): void {
  const isFree = client.writableLength === 0;
  client.write(isFree ? lent : new Uint8Array(lent));
  const waiting = client.writableLength;
  if (isFree && waiting > 0) owner.keep();
  owner.waits(waiting);
}
