import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { serveContender } from "../contender.ts";
import { move, type Place, spawn, TICK_MS } from "../movement.ts";
import { PACKED } from "./packing.ts";

/** Of the `ws` package, the very copy that the engine's transport runs on. */
const { WebSocketServer } = createRequire(import.meta.resolve("@colyseus/ws-transport"))("ws") as WsPackage;

interface WsSocket {
  on(event: "message", listener: (data: Buffer) => void): void;
  on(event: "close" | "error", listener: () => void): void;
  send(data: Buffer): void;
}
interface WsServer {
  on(event: "connection", listener: (socket: WsSocket, request: { url?: string }) => void): void;
  once(event: "listening", listener: () => void): void;
  address(): AddressInfo;
}
interface WsPackage {
  readonly WebSocketServer: new (options: object) => WsServer;
}

interface Player extends Place {
  readonly socket: WsSocket;
  hasMoved: boolean;
}

/**
 * The floor: a room is an array, a patch is one packed buffer for everyone, an input is two bytes. There is no join, no
 * acknowledgement, no limit of any kind.
 */
class Room {
  readonly id: number;
  readonly players: (Player | undefined)[];
  readonly #timer: NodeJS.Timeout;

  constructor(id: number, size: number) {
    this.id = id;
    this.players = Array.from({ length: size });
    this.#timer = setInterval(() => this.#patch(), TICK_MS);
  }

  get isEmpty(): boolean {
    return this.players.every((player) => player === undefined);
  }

  enter(socket: WsSocket): void {
    const index = this.players.indexOf(undefined);
    const player: Player = { ...spawn(index), socket, hasMoved: true };
    this.players[index] = player;
    socket.on("message", (data) => {
      move(player, { dx: data.readInt8(0), dy: data.readInt8(1) });
      player.hasMoved = true;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.players[index] = undefined;
      if (!this.isEmpty) return;
      clearInterval(this.#timer);
      rooms.delete(this.id);
    });
    socket.send(Buffer.of(PACKED.welcome, this.id, index));
    socket.send(this.#encode(PACKED.state, () => true));
  }

  #patch(): void {
    const patch = this.#encode(PACKED.patch, ({ hasMoved }) => hasMoved);
    if (patch.length === 1) return;
    for (const player of this.players) {
      if (player === undefined) continue;
      player.hasMoved = false;
      player.socket.send(patch);
    }
  }

  #encode(kind: number, isWanted: (player: Player) => boolean): Buffer {
    const bytes = Buffer.allocUnsafe(1 + this.players.length * PACKED.playerBytes);
    bytes[0] = kind;
    let at = 1;
    for (let index = 0; index < this.players.length; index++) {
      const player = this.players[index];
      if (player === undefined || !isWanted(player)) continue;
      bytes[at] = index;
      bytes.writeFloatLE(player.x, at + 1);
      bytes.writeFloatLE(player.y, at + 5);
      at += PACKED.playerBytes;
    }
    return bytes.subarray(0, at);
  }
}

const rooms = new Map<number, Room>();

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("connection", (socket, { url = "" }) => {
  const size = Number(/\d+/.exec(url)?.[0] ?? 0);
  const open = [...rooms.values()].find(({ players }) => players.length === size && players.includes(undefined));
  let id = 0;
  while (rooms.has(id)) id += 1;
  const room = open ?? new Room(id, size);
  rooms.set(room.id, room);
  room.enter(socket);
});
server.once("listening", () => {
  const truth = async () =>
    Object.fromEntries(
      [...rooms.values()].flatMap(({ id, players }) =>
        players.flatMap((player, index) =>
          player === undefined ? [] : [[`${id}/${index}`, { x: player.x, y: player.y }]],
        ),
      ),
    );
  serveContender({ port: server.address().port, companions: [], truth });
});
