import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { WebSocketClient, WebSocketTransport } from "@colyseus/ws-transport";
import { afterAll, expect, test } from "vitest";
import { DirectClient } from "./direct-client.ts";

type Socket = DirectClient["ref"];

const http = createServer();
const { wss } = new WebSocketTransport({ server: http }) as unknown as {
  wss: { once(event: "connection", listener: (socket: Socket) => void): void; removeAllListeners(event: string): void };
};
wss.removeAllListeners("connection");
await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
afterAll(() => void http.close());

async function aPair(): Promise<{ client: DirectClient; heard: Uint8Array[]; page: WebSocket }> {
  const seated = new Promise<Socket>((resolve) => wss.once("connection", resolve));
  const page = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/p/r?sessionId=s`);
  page.binaryType = "arraybuffer";
  const heard: Uint8Array[] = [];
  page.addEventListener("message", ({ data }) => heard.push(new Uint8Array(data as ArrayBuffer)));
  return { client: new DirectClient("s", await seated), heard, page };
}

test("[SYNC11] frames of every length arrive whole and in order, among those that the transport sends itself", async () => {
  const { client, heard, page } = await aPair();
  const lengths = [0, 1, 125, 126, 127, 4096, 65_535, 65_536, 200_000];
  const closed = new Promise((resolve) => page.addEventListener("close", resolve));
  for (const length of lengths) {
    client.raw(Buffer.alloc(length, length % 251));
    client.ref.ping();
    client.ref.send(Buffer.of(length % 256));
  }
  client.leave(4000);
  await closed;
  expect(heard.filter((_, index) => index % 2 === 0).map((bytes) => bytes.length)).toEqual(lengths);
  for (const [index, length] of lengths.entries()) {
    expect(heard[2 * index]?.every((byte) => byte === length % 251)).toBe(true);
    expect([...(heard[2 * index + 1] ?? [])]).toEqual([length % 256]);
  }
});

test("[SYNC11] a frame for a connection that is closing is dropped, and its sender is told", async () => {
  const { client, heard, page } = await aPair();
  client.leave(4000);
  const failure = await new Promise<Error | undefined>((resolve) => client.raw(Buffer.of(1), undefined, resolve));
  expect(failure).toBeInstanceOf(Error);
  expect(heard).toEqual([]);
  page.close();
});

test("[SYNC11] a client is still a plain object, and no hash table, when the engine has deleted what it held back", async () => {
  setFlagsFromString("--allow-natives-syntax");
  const isPlain = runInThisContext("(client) => %HasFastProperties(client)") as (client: object) => boolean;
  const { client, page } = await aPair();
  const stock = new WebSocketClient("s", client.ref);
  for (const each of [client, stock]) delete (each as { _enqueuedMessages?: unknown })._enqueuedMessages;
  expect([isPlain(client), isPlain(stock)]).toEqual([true, false]);
  expect(Object.keys(client)).not.toContain("_enqueuedMessages");
  page.close();
});
