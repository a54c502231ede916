import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface CommitProxy {
  /** The address of the database through the proxy. */
  readonly url: string;
  /** How many connections have been cut. */
  readonly cuts: number;
  /**
   * Cuts the connection that next sends a statement that `statement` matches: before it is passed on, or after Postgres has
   * answered it, and that answer is lost.
   */
  cutAt(statement: RegExp, side: "before" | "after"): void;
  stop(): Promise<void>;
}

/** Between a server and the unix socket of its Postgres: reads enough of the protocol to know a COMMIT when it passes. */
export async function startCommitProxy(databaseUrl: string): Promise<CommitProxy> {
  const address = new URL(databaseUrl);
  const target = join(decodeURIComponent(address.hostname), `.s.PGSQL.${address.port}`);
  const folder = await mkdtemp(join(tmpdir(), "umpire-proxy-"));
  const sockets = new Set<Socket>();
  const state: { cuts: number; armed: { statement: RegExp; side: "before" | "after" } | null } = {
    cuts: 0,
    armed: null,
  };

  const server = createServer((client) => {
    const upstream = connect(target);
    const reader = new StatementReader();
    let isAnswerLost = false;
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on("data", (chunk) => {
      const { armed } = state;
      const isMet = reader.read(chunk).some((text) => armed?.statement.test(text));
      if (armed !== null && isMet) {
        state.armed = null;
        state.cuts += 1;
        if (armed.side === "before") return cut();
        isAnswerLost = true;
      }
      upstream.write(chunk);
    });
    // The driver sends a statement and its Sync in one piece: what comes back says that it is done.
    upstream.on("data", (chunk) => (isAnswerLost ? isDone(chunk) && cut() : client.write(chunk)));
  });
  await once(server.listen(join(folder, ".s.PGSQL.5432")), "listening");
  address.hostname = encodeURIComponent(folder);
  return {
    url: databaseUrl.replace(/@[^:/]+/, `@${encodeURIComponent(folder)}`),
    get cuts() {
      return state.cuts;
    },
    cutAt(statement, side) {
      state.armed = { statement, side };
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether Postgres says that it is ready for the next statement: then the last has been committed, or has failed. */
function isDone(chunk: Buffer): boolean {
  return chunk.length >= 6 && chunk[chunk.length - 6] === 0x5a && chunk.readInt32BE(chunk.length - 5) === 5;
}

/** The texts of the statements that a client runs, whether it sends them whole or has prepared them before. */
export class StatementReader {
  #rest: Buffer = Buffer.alloc(0);
  #hasBegun = false;
  readonly #prepared = new Map<string, string>();

  read(chunk: Buffer): string[] {
    let bytes = Buffer.concat([this.#rest, chunk]);
    const texts: string[] = [];
    for (;;) {
      // Before anything else comes one message without a type, which says who wants to come in.
      const head = this.#hasBegun ? 1 : 0;
      if (bytes.length < head + 4) break;
      const end = head + bytes.readInt32BE(head);
      if (bytes.length < end) break;
      if (this.#hasBegun) texts.push(...this.#message(String.fromCharCode(bytes[0] ?? 0), bytes.subarray(5, end)));
      this.#hasBegun = true;
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return texts;
  }

  #message(type: string, body: Buffer): string[] {
    const [first = "", second = ""] = body.toString("latin1").split("\0", 2);
    if (type === "Q") return [first];
    if (type === "P") this.#prepared.set(first, second);
    // A portal runs what it was bound to; the driver binds and runs in one go.
    return type === "B" ? [this.#prepared.get(second) ?? ""] : [];
  }
}
