import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { serveContender } from "../contender.ts";
import { type Direction, move, type Place, spawn, TICK_MS } from "../movement.ts";

interface Room {
  readonly id: string;
  readonly size: number;
  readonly players: Record<string, Place>;
  timer?: NodeJS.Timeout;
}

/** As its documentation has it: rooms, events, JSON; a player is known by the id of its socket. */
const rooms = new Map<string, Room>();
const http = createServer();
const io = new Server(http);

io.on("connection", (socket) => {
  const size = Number(socket.handshake.query["size"]);
  const room = findRoom(size);
  const { id, players } = room;
  players[socket.id] = spawn(Object.keys(players).length);
  socket.join(id);
  socket.emit("welcome", { room: id, id: socket.id });
  socket.emit("state", players);
  socket.on("move", (direction: Direction) => {
    const player = players[socket.id];
    if (player !== undefined) move(player, direction);
  });
  socket.on("disconnect", () => {
    delete players[socket.id];
    if (Object.keys(players).length > 0) return;
    clearInterval(room.timer);
    rooms.delete(id);
  });
});

let made = 0;

function findRoom(size: number): Room {
  for (const room of rooms.values()) {
    if (room.size === size && Object.keys(room.players).length < size) return room;
  }
  const room: Room = { id: `room-${made++}`, size, players: {} };
  room.timer = setInterval(() => io.to(room.id).emit("state", room.players), TICK_MS);
  rooms.set(room.id, room);
  return room;
}

http.listen(0, "127.0.0.1", () => {
  const truth = async () =>
    Object.fromEntries(
      [...rooms.values()].flatMap(({ id, players }) =>
        Object.entries(players).map(([name, place]) => [`${id}/${name}`, place]),
      ),
    );
  serveContender({ port: (http.address() as AddressInfo).port, companions: [], truth });
});
