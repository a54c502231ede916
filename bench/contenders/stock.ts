import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { defineRoom, defineServer } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { serveContender } from "./contender.ts";
import { engineTruth } from "./engine-truth.ts";

type RoomClass = Parameters<typeof defineRoom>[0];

/** The unmodified engine on its default transport, with nothing of ours in the process. */
export async function serveStock(rooms: Readonly<Record<string, RoomClass>>): Promise<void> {
  const http = createServer();
  const server = defineServer({
    rooms: Object.fromEntries(Object.entries(rooms).map(([name, room]) => [name, defineRoom(room)])),
    transport: new WebSocketTransport({ server: http }),
    greet: false,
  });
  await server.listen(0, "127.0.0.1");
  serveContender({ port: (http.address() as AddressInfo).port, companions: [], truth: engineTruth });
}
