import { connect } from "node:net";

/** A server that has seen the head of a request and is going to refuse it does so within this. */
const REFUSAL_MS = 500;

/** Sends the head of a request, its body unless an answer comes before that, and resolves with the answer. */
export function rawHttp(port: number, head: string, body: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(head));
    const bodyTimer = setTimeout(() => socket.write(body), REFUSAL_MS);
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      if (answer.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(bodyTimer);
      resolve(answer);
    });
    socket.setTimeout(4000, () => socket.destroy());
  });
}

/** A connection that has sent the beginning of a request and says nothing more. Resolves when the server closes it. */
export function halfRequest(port: number): { closed: Promise<void>; destroy(): void } {
  const socket = connect(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "));
  socket.on("error", () => {});
  socket.resume();
  return { closed: new Promise((resolve) => socket.on("close", () => resolve())), destroy: () => socket.destroy() };
}
