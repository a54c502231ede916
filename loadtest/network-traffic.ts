import { fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";

/** Both ends of many lines, in a process of their own, so that what is between them can be measured by itself. */
export interface Traffic {
  readonly port: number;
  /** Dials each port once; both ends of each line send 60 messages of 100 bytes a second from then on. */
  start(ports: number[]): void;
  stop(): Promise<unknown>;
}

export async function startTraffic(): Promise<Traffic> {
  const child = fork(import.meta.filename, { execArgv: [] });
  const [port] = await once(child, "message");
  return {
    port: Number(port),
    start: (ports) => void child.send(ports),
    stop() {
      const exited = once(child, "exit");
      child.kill();
      return exited;
    },
  };
}

const groups = 16;
const messagesPerSecond = 60;

function serve(): void {
  const message = Buffer.alloc(100, "m");
  const sockets: Socket[] = [];
  const add = (socket: Socket) => {
    sockets.push(socket.on("error", () => {}).resume());
  };
  const server = createServer({ noDelay: true }, add);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") process.send?.(address.port);
  });
  process.on("message", (ports: number[]) => {
    for (const port of ports) add(connect({ port, host: "127.0.0.1", noDelay: true }));
    let turn = 0;
    const startMs = performance.now();
    setInterval(() => {
      // By the time that has passed, so that a late timer sends what it missed.
      const turnsDue = ((performance.now() - startMs) / 1000) * messagesPerSecond * groups;
      for (; turn < turnsDue; turn++) {
        for (let index = turn % groups; index < sockets.length; index += groups) sockets[index]?.write(message);
      }
    }, 1);
  });
  process.on("disconnect", () => process.exit());
}

if (import.meta.main) serve();
