import { connect, type Socket } from "node:net";

interface Barrage {
  readonly port: number;
  /** One per connection, which asks the same again as soon as it is answered. */
  readonly requests: readonly Buffer[];
  /** What every answer ends with, and holds nowhere else. */
  readonly answerEnd: string;
  readonly seconds: number;
}

/** Fewer than a server answers before it wants another connection. */
const PER_CONNECTION = 900;

/** Asks over and over on connections that are kept, without reading more of an answer than its status, and counts answers. */
export async function askOverAndOver({ requests, seconds, ...barrage }: Barrage): Promise<number> {
  const deadline = performance.now() + seconds * 1000;
  const counts = await Promise.all(
    requests.map(async (request) => {
      let answers = 0;
      while (performance.now() < deadline) answers += await askOn({ ...barrage, request, deadline });
      return answers;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

interface Asking extends Pick<Barrage, "port" | "answerEnd"> {
  readonly request: Buffer;
  readonly deadline: number;
}

/** One connection, until the time is over or it has been used enough. */
function askOn({ port, answerEnd, request, deadline }: Asking): Promise<number> {
  const end = Buffer.from(answerEnd);
  return new Promise((resolve, reject) => {
    let answers = 0;
    const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => socket.write(request));
    let pending: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      if (!pending.subarray(-end.length).equals(end)) return;
      if (!isOk(pending)) return fail(socket, reject, pending.toString());
      pending = Buffer.alloc(0);
      answers += 1;
      if (performance.now() < deadline && answers < PER_CONNECTION) return void socket.write(request);
      socket.destroy();
      resolve(answers);
    });
    socket.on("error", reject);
    socket.on("end", () => fail(socket, reject, `the server hung up after ${answers} answers: ${pending}`));
  });
}

export function getRequest(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
}

function isOk(answer: Buffer): boolean {
  return answer.toString("latin1", 9, 12) === "200";
}

function fail(socket: Socket, reject: (error: Error) => void, reason: string): void {
  socket.destroy();
  reject(new Error(reason));
}
