import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import type { z } from "zod";

/** Changes whenever coordinator and agent of two versions would not understand each other. */
export const AGENT_VERSION = 1;

/** A line is at most this long: a second's window is a few kilobytes. */
const LINE_BYTES_MAX = 512 * 1024;
const NONCE_BYTES = 32;
/** Whoever dials and says nothing is not waited for. */
export const ANSWER_MS_MAX = 10_000;

type Side = "coordinator" | "agent";

/** What goes wrong between the two, in words for whoever sits in front of either. */
class AgentRefused extends Error {
  override readonly name = "AgentRefused";
}

/**
 * Lines of JSON between a coordinator and an agent that have proved to each other that they know the same secret. Each line
 * is signed with a key of this connection alone, its direction and its number, so that nobody in between can add, change,
 * repeat or leave out one. It is not encrypted: what travels is plans and figures.
 */
export interface AgentChannel<Incoming> {
  send(message: object): void;
  /** The next message; fails when the connection ends, or when what came is not what such a message looks like. */
  receive(withinMs?: number): Promise<Incoming>;
  readonly peer: string;
  close(): void;
}

/** Both sides send a number that nobody has seen before, then prove that they know the secret by what they make of both. */
export async function openAgentChannel<Incoming>(
  socket: Socket,
  { side, secret, incoming }: { side: Side; secret: string; incoming: z.ZodType<Incoming> },
): Promise<AgentChannel<Incoming>> {
  const other = side === "agent" ? "coordinator" : "agent";
  const lines = readLines(socket);
  const key = Buffer.from(hkdfSync("sha256", secret, "", "umpire loadtest agents", 32));
  const own = randomBytes(NONCE_BYTES).toString("hex");
  socket.write(`umpire-loadtest ${AGENT_VERSION} ${own}\n`);
  const [name, version, theirs = ""] = (await lines.next(ANSWER_MS_MAX)).split(" ");
  if (name !== "umpire-loadtest" || !/^[0-9a-f]{64}$/.test(theirs))
    throw new AgentRefused(`no ${other} of a load test`);
  if (Number(version) !== AGENT_VERSION) {
    throw new AgentRefused(
      `the ${other} speaks version ${version} and this one ${AGENT_VERSION}: run the same version on both`,
    );
  }
  const nonces = side === "agent" ? `${theirs} ${own}` : `${own} ${theirs}`;
  socket.write(`${mac(key, `hello ${side} ${nonces}`)}\n`);
  // Sent before it is checked, so that both sides know whose secret differs.
  if (!isSame(await lines.next(ANSWER_MS_MAX), mac(key, `hello ${other} ${nonces}`))) {
    throw new AgentRefused(`the ${other} does not know this LOADTEST_KEY: set the same on both`);
  }
  const session = createHmac("sha256", key).update(`session ${nonces}`).digest();
  let sent = 0;
  let received = 0;
  return {
    peer: `${socket.remoteAddress}:${socket.remotePort}`,
    send(message) {
      const text = JSON.stringify(message);
      if (!socket.destroyed) socket.write(`${mac(session, `${side} ${sent++} ${text}`)} ${text}\n`);
    },
    async receive(withinMs) {
      const line = await lines.next(withinMs);
      const space = line.indexOf(" ");
      const text = line.slice(space + 1);
      if (!isSame(line.slice(0, space), mac(session, `${other} ${received++} ${text}`))) {
        throw new AgentRefused(`a message of the ${other} was not signed as it should be`);
      }
      const parsed = incoming.safeParse(JSON.parse(text));
      if (!parsed.success) throw new AgentRefused(`the ${other} sent what nobody understands: ${parsed.error.message}`);
      return parsed.data;
    },
    close: () => socket.destroy(),
  };
}

function mac(key: Buffer, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The lines of a socket, one for each call. */
function readLines(socket: Socket): { next(withinMs?: number): Promise<string> } {
  const lines: string[] = [];
  let rest = "";
  let failure: Error | null = null;
  let wake = () => {};
  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    if (rest.length > LINE_BYTES_MAX || parts.some((line) => line.length > LINE_BYTES_MAX)) {
      socket.destroy(new AgentRefused("a line was longer than any that is sent"));
    }
    wake();
  });
  socket.on("error", fail);
  socket.on("close", () => fail(new AgentRefused("the connection has ended")));
  return {
    async next(withinMs) {
      const deadline =
        withinMs === undefined
          ? undefined
          : setTimeout(() => fail(new AgentRefused(`no answer within ${withinMs / 1000} s`)), withinMs);
      try {
        for (;;) {
          const line = lines.shift();
          if (line !== undefined) return line;
          if (failure !== null) throw failure;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(deadline);
      }
    },
  };
}
