import type { IncomingMessage } from "node:http";
import type { Clock } from "../../platform/clock.ts";
import { HOP_HEADER } from "./hop.ts";
import type { ChannelBreak, TrunkChannel } from "./trunk-channel.ts";
import type { Trunks } from "./trunks.ts";

/**
 * What came of calling the process where a room is said to live: it has answered; nobody listens there any more, or the room
 * lives there no more; it does not answer, which proves nothing.
 */
export type OwnerAnswer = "answered" | "absent" | "silent";

interface OwnerCallParts {
  readonly trunks: Trunks;
  /** `host:port` of its relay listener. */
  readonly relay: string;
  /** Request line and headers, to the empty line. */
  readonly head: string;
  readonly clock: Pick<Clock, "after">;
  /** Takes the stream over, within the same turn, with the first bytes of the answer. */
  readonly onAnswered: (channel: TrunkChannel, bytes: Buffer) => void;
}

/** An answer is a matter of milliseconds. A redial that is held tries again, and has to be back soon after a link has healed. */
const ANSWER_MS_MAX = 2_500;
const ANSWER_BYTES_MAX = 16 * 1024;
const MISDIRECTED = /^HTTP\/1\.1 421 /;

/** Hands a request to a process and waits for the head of its answer. */
export async function callOwner({ trunks, relay, head, clock, onAnswered }: OwnerCallParts): Promise<OwnerAnswer> {
  const trunk = await trunks.to(relay);
  if (typeof trunk === "string") return trunk;
  const channel = trunk.open(Buffer.from(head, "latin1"));
  if (channel === null) return "silent";
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const finish = (answer: OwnerAnswer) => {
      cancel();
      if (answer !== "answered") channel.break();
      resolve(answer);
    };
    const cancel = clock.after(ANSWER_MS_MAX, () => finish("silent"));
    channel.ear = {
      data(lent) {
        bytes = Buffer.concat([bytes, lent]);
        if (bytes.length < ANSWER_BYTES_MAX && bytes.indexOf("\r\n\r\n") === -1) return;
        const isElsewhere = MISDIRECTED.test(bytes.toString("latin1", 0, 16));
        if (!isElsewhere) onAnswered(channel, bytes);
        finish(isElsewhere ? "absent" : "answered");
      },
      end: () => finish("absent"),
      room() {},
      broken: (how) => finish(ABSENT.has(how) ? "absent" : "silent"),
    };
  });
}

/** Said by the other process, or by its kernel. */
const ABSENT = new Set<ChannelBreak>(["other end", "lost"]);

/** Headers in which a client, or a proxy, says who it is: the hop header says it instead. */
const REPLACED = new Set([
  HOP_HEADER,
  "x-umpire-loadtest",
  "x-real-ip",
  "x-client-ip",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "forwarded",
]);

export function requestLineOf({ method, url }: IncomingMessage): string {
  return `${method} ${url} HTTP/1.1`;
}

/** The request as it came, with one header more and those left out that the header stands for. */
export function headOf(request: IncomingMessage, hop: string): string {
  const lines = [requestLineOf(request)];
  const { rawHeaders } = request;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!REPLACED.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`);
  }
  lines.push(`${HOP_HEADER}: ${hop}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
