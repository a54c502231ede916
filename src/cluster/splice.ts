import type { Duplex } from "node:stream";
import type { OwnerLine } from "./owner-line.ts";

/** Who ended a pair of joined connections. */
export type SpliceEnd = "client" | "owner" | "client lost" | "owner lost" | "idle" | "stop";

/** Two connections that are one from end to end. */
export interface Splice {
  /** Bytes that have passed so far, both ways. */
  bytes(): number;
  /** Breaks both. */
  cut(reason: SpliceEnd): void;
}

interface Ends {
  readonly client: Duplex;
  readonly owner: OwnerLine;
}

/**
 * Passes bytes on as they are, both ways. Whoever does not read stops the other from being read: what lies in between
 * is at most what a socket takes before it says that it is full. An end of one direction is the end of that direction;
 * a connection that breaks breaks the other.
 */
export function splice({ client, owner }: Ends, onClosed: (reason: SpliceEnd) => void): Splice {
  let bytes = 0;
  let open = 2;
  let reason: SpliceEnd | null = null;
  // Not `pipe`: this is all of it that is needed, at nearly half the cost.
  client.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (!owner.socket.write(chunk)) client.pause();
  });
  owner.hear = (lent) => {
    bytes += lent.length;
    return client.write(lent);
  };
  owner.isKept = () => client.writableLength > 0;
  const pass = (from: Duplex, to: Duplex, name: "client" | "owner") => {
    to.on("drain", () => from.resume());
    from.on("end", () => {
      reason ??= name;
      to.end();
    });
    from.on("error", () => {
      reason ??= `${name} lost`;
    });
    from.on("close", () => {
      reason ??= `${name} lost`;
      // What it had sent to the end is still on its way out.
      if (!to.writableEnded) to.destroy();
      open -= 1;
      if (open === 0) onClosed(reason);
    });
  };
  pass(client, owner.socket, "client");
  pass(owner.socket, client, "owner");
  return {
    bytes: () => bytes,
    cut(by) {
      reason ??= by;
      client.destroy();
      owner.socket.destroy();
    },
  };
}
