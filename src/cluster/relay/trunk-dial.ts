import { connect, type Socket } from "node:net";
import type { Caller } from "../../platform/client-address.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { HOP_HEADER, type HopSeal } from "./hop.ts";
import { Trunk } from "./trunk.ts";
import type { TrunkBreak } from "./trunk-channel.ts";
import { ENTRANCE_WINDOWS, TRUNK_PROTOCOL, TRUNK_REQUEST } from "./trunk-opening.ts";

/** A trunk; or nobody listens there any more; or there is no answer, which proves nothing. */
export type Dialled = Trunk | "absent" | "silent";

interface DialParts {
  /** `host:port` of the other process's relay listener. */
  readonly relay: string;
  readonly seal: HopSeal;
  readonly clock: Pick<Clock, "after" | "every">;
  readonly log: Log;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly onOver: (why: TrunkBreak) => void;
}

/** To the answer: whoever does not answer by then is as good as not there, and a link that has healed is tried soon. */
const CONNECT_MS_MAX = 2_000;
const ANSWER_BYTES_MAX = 2_048;
/** As much as is read in one go: of all players, what they are sent in one step of their rooms. */
const MEMORY_BYTES = 64 * 1024;
/** Said by the kernel of the machine that is meant to have it. */
const REFUSED = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE"]);
/** A trunk is nobody's in particular; each of its streams says whose it is. */
const NOBODY: Caller = { address: "trunk", isLoadTest: false, scheme: "http" };

/** Opens a trunk. No player is put on it before the other end has answered: a link may carry one way only. */
export function dialTrunk({ relay, seal, clock, log, signal, onOver }: DialParts): Promise<Dialled> {
  const line = openLine(relay);
  const { socket } = line;
  return new Promise((resolve) => {
    let answer: Buffer = Buffer.alloc(0);
    const finish = (dialled: Dialled) => {
      cancel();
      signal.removeEventListener("abort", giveUp);
      socket.off("error", onError).off("close", onClose).off("end", onClose);
      if (typeof dialled === "string") socket.on("error", () => {}).destroy();
      resolve(dialled);
    };
    const giveUp = () => finish("silent");
    const cancel = clock.after(CONNECT_MS_MAX, giveUp);
    signal.addEventListener("abort", giveUp);
    const onError = ({ code = "" }: NodeJS.ErrnoException) => finish(REFUSED.has(code) ? "absent" : "silent");
    const onClose = () => finish("absent");
    socket.on("error", onError).on("close", onClose).on("end", onClose);
    socket.once("connect", () => {
      const hop = seal.seal(NOBODY, TRUNK_REQUEST);
      const lines = [TRUNK_REQUEST, `host: ${relay}`, "connection: upgrade", `upgrade: ${TRUNK_PROTOCOL}`];
      socket.write(`${lines.join("\r\n")}\r\n${HOP_HEADER}: ${hop}\r\n\r\n`, "latin1");
    });
    line.hear = (lent) => {
      answer = Buffer.concat([answer, lent]);
      const end = answer.indexOf("\r\n\r\n");
      if (end === -1 && answer.length < ANSWER_BYTES_MAX) return;
      const [said = ""] = answer.toString("latin1").split("\r\n", 1);
      if (end === -1 || !said.startsWith("HTTP/1.1 101 ")) {
        log.warn({ relay, said }, "trunk.refused");
        finish("silent");
        return;
      }
      const tell = (why: TrunkBreak, thrown?: unknown) => {
        if (why === "garbage") log.warn({ relay, err: thrown }, "trunk.garbled");
        if (why === "silent") log.warn({ relay }, "trunk.silent");
        onOver(why);
      };
      const trunk = new Trunk({
        socket,
        clock,
        windows: ENTRANCE_WINDOWS,
        keep: line.keep,
        onOpen: null,
        onOver: tell,
      });
      line.hear = (bytes) => trunk.read(bytes);
      finish(trunk);
      trunk.read(answer.subarray(end + 4));
    };
  });
}

interface Line {
  readonly socket: Socket;
  /** Takes what comes; the bytes are only lent. */
  hear: (lent: Buffer) => void;
  /** Somebody still needs what was lent: the next bytes come in other memory. */
  readonly keep: () => void;
}

/** A connection that is read into the same memory again and again: what a socket reads by itself costs 64 KB each time. */
function openLine(relay: string): Line {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(relay) ?? [];
  let memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  let isKept = false;
  const onread = {
    // Asked for before the first read and after each.
    buffer() {
      if (isKept) memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
      isKept = false;
      return memory;
    },
    callback(length: number) {
      line.hear(memory.subarray(0, length));
      return true;
    },
  };
  const place = { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
  const line: Line = {
    socket: connect({ ...place, noDelay: true, onread }),
    hear() {},
    keep() {
      isKept = true;
    },
  };
  return line;
}
