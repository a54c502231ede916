import { type Client, Room } from "@colyseus/core";
import { schema, t } from "@colyseus/schema";
import { type Direction, move, type RoomSize, spawn } from "../movement.ts";
import { serveStock } from "../stock.ts";

/** As the engine's documentation begins: `number` fields, a message per input, the default patch rate of 20 Hz. */
const Player = schema({ x: t.number().default(0), y: t.number().default(0) }, "Player");
const State = schema({ players: t.map(Player) }, "State");

class MessageRoom extends Room<{ state: InstanceType<typeof State> }> {
  override state = new State();

  override onCreate(): void {
    this.onMessage("move", (client: Client, direction: Direction) => {
      const player = this.state.players.get(client.sessionId);
      if (player !== undefined) move(player, direction);
    });
  }

  override onJoin(client: Client): void {
    this.state.players.set(client.sessionId, new Player(spawn(this.state.players.size)));
  }

  override onLeave(client: Client): void {
    this.state.players.delete(client.sessionId);
  }
}

const sized = (size: RoomSize) =>
  class extends MessageRoom {
    override maxClients = size;
  };

await serveStock({ room16: sized(16), room64: sized(64) });
