import type { IncomingMessage } from "node:http";
import type { Clock } from "../platform/clock.ts";
import { HOP_HEADER } from "./hop.ts";
import { OwnerLine } from "./owner-line.ts";

/** What came of calling the process where a room is said to live. */
export type OwnerAnswer =
  /** It has answered, with these first bytes. */
  | { readonly is: "answered"; readonly owner: OwnerLine; readonly bytes: Buffer }
  /** Nobody listens there any more, or the room lives there no more. */
  | { readonly is: "absent" }
  /** It does not answer, which proves nothing. */
  | { readonly is: "silent" };

interface OwnerCallParts {
  /** `host:port` of its relay listener. */
  readonly relay: string;
  /** Request line and headers, to the empty line. */
  readonly head: string;
  /** What the client has sent behind them. */
  readonly rest: Buffer;
  readonly clock: Pick<Clock, "after">;
}

const CONNECT_MS_MAX = 2_000;
/** An answer is a matter of milliseconds. A redial that is held tries again, and has to be back soon after a link has healed. */
const ANSWER_MS_MAX = 2_500;
const ANSWER_BYTES_MAX = 16 * 1024;
const MISDIRECTED = /^HTTP\/1\.1 421 /;
/** Said by the kernel of the machine that is meant to have it. */
const REFUSED = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE"]);

/** Hands a request to a process and waits for the head of its answer. */
export function callOwner({ relay, head, rest, clock }: OwnerCallParts): Promise<OwnerAnswer> {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(relay) ?? [];
  const line = new OwnerLine({ host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) });
  const owner = line.socket;
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const finish = (answer: OwnerAnswer) => {
      cancel();
      line.hear = () => false;
      owner.off("close", onClose);
      if (answer.is !== "answered") owner.on("error", () => {}).destroy();
      else owner.off("error", onError);
      resolve(answer);
    };
    let cancel = clock.after(CONNECT_MS_MAX, () => finish({ is: "silent" }));
    line.hear = (lent) => {
      bytes = Buffer.concat([bytes, lent]);
      if (bytes.length < ANSWER_BYTES_MAX && bytes.indexOf("\r\n\r\n") === -1) return true;
      const isElsewhere = MISDIRECTED.test(bytes.toString("latin1", 0, 16));
      finish(isElsewhere ? { is: "absent" } : { is: "answered", owner: line, bytes });
      // Whatever else it sends waits until somebody takes it.
      return false;
    };
    const onError = ({ code = "" }: NodeJS.ErrnoException) => finish({ is: REFUSED.has(code) ? "absent" : "silent" });
    const onClose = () => finish({ is: "absent" });
    owner.on("error", onError).on("close", onClose);
    owner.once("connect", () => {
      cancel();
      cancel = clock.after(ANSWER_MS_MAX, () => finish({ is: "silent" }));
      owner.write(head, "latin1");
      if (rest.length > 0) owner.write(rest);
    });
  });
}

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
