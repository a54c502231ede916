import { type Client, Room } from "@colyseus/core";
import { schema, t } from "@colyseus/schema";
import { move, QUANTIZED, type RoomSize, spawn, TICK_HZ } from "../movement.ts";
import { serveStock } from "../stock.ts";

/** The best that the engine's documentation knows: quantised fields, buffered binary inputs, a fixed step. */
const Player = schema({ x: t.quantized(QUANTIZED).default(0), y: t.quantized(QUANTIZED).default(0) }, "Player");
const State = schema({ players: t.map(Player) }, "State");
const Stick = schema({ dx: t.int8().default(0), dy: t.int8().default(0) }, "Stick");

class InputRoom extends Room<{ state: InstanceType<typeof State>; input: InstanceType<typeof Stick> }> {
  override state = new State();
  override inputs = this.defineInput(Stick, { sanitize: { dx: [-127, 127], dy: [-127, 127] } });

  override onCreate(): void {
    this.setFixedTimestep(() => {
      for (const [sessionId, player] of this.state.players) {
        for (const input of this.inputs.get(sessionId)) move(player, input);
      }
    }, TICK_HZ);
  }

  override onJoin(client: Client): void {
    this.state.players.set(client.sessionId, new Player(spawn(this.state.players.size)));
  }

  override onLeave(client: Client): void {
    this.state.players.delete(client.sessionId);
  }
}

const sized = (size: RoomSize) =>
  class extends InputRoom {
    override maxClients = size;
  };

await serveStock({ room16: sized(16), room64: sized(64) });
