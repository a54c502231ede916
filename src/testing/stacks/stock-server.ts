/** The unmodified engine with rooms written as its documentation says: what the tests of its defects run against. */
import type { AddressInfo } from "node:net";
import {
  type AuthContext,
  type Client,
  definePlugins,
  matchMaker,
  RelayRoom,
  Room,
  RoomPlugin,
  Server,
  ServerError,
} from "@colyseus/core";
import { StateView } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";
import {
  aStreamedBoard,
  Board,
  ITEMS,
  Item,
  PATCH_MS,
  SLOW_START_MS,
  STEPS_PER_SECOND,
  Stride,
  stepBoard,
  Warehouse,
} from "./boards.ts";
import { serveParent } from "./child.ts";

const STEP_MS = 1000 / STEPS_PER_SECOND;

class YardRoom extends Room<{ state: Board }> {
  override maxClients = 16;
  override state = new Board();
  override patchRate = PATCH_MS;
  #isAdmin = false;
  #isStepBroken = false;

  override onCreate(options: { isAdmin?: boolean }) {
    this.#isAdmin = options.isAdmin === true;
    this.onMessage("facts", (client) => client.send("facts", { isAdmin: this.#isAdmin, small: this.state.small }));
    this.onMessage("alarm", (client, { ms }) => this.clock.setTimeout(() => client.send("rang"), ms));
    this.onMessage("echo", (client, payload) => client.send("echo", payload));
    this.onMessage("say", (client, payload) => this.broadcast("say", payload, { except: client }));
    this.onMessage("hit", (_client, payload) => {
      this.state.x = payload.target.x;
    });
    this.onMessage("move", (_client, payload) => {
      this.state.x += payload.dx;
    });
    this.onMessage("set", (_client, payload) => {
      this.state.small = payload.value;
    });
    this.onMessage("later", async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw new Error("a rejection in a room");
    });
    this.onMessage("break", () => {
      this.#isStepBroken = true;
    });
    this.setTimestep(() => this.#step(), STEP_MS);
  }

  #step() {
    stepBoard(this.state, false);
    if (!this.#isStepBroken) return;
    this.#isStepBroken = false;
    throw new Error("a broken step");
  }

  override onDrop(client: Client) {
    this.allowReconnection(client, 5);
  }
}

/** Takes longer to begin than those who come meanwhile are willing to wait for it. */
class SlowRoom extends YardRoom {
  override maxClients = 4;
  override async onCreate(options: object) {
    super.onCreate(options);
    await new Promise((resolve) => setTimeout(resolve, SLOW_START_MS));
  }
}

class WalkRoom extends Room<{ state: Board; input: Stride }> {
  override state = new Board();
  override patchRate = PATCH_MS;
  override inputs = this.defineInput(Stride, { tickRate: STEPS_PER_SECOND, sanitize: { dx: [-1, 1] } });

  override onCreate() {
    this.setFixedTimestep(() => {
      stepBoard(this.state, false);
      for (const client of this.clients) {
        for (const { dx } of this.inputs.get(client.sessionId)) this.state.x += dx;
      }
    }, STEPS_PER_SECOND);
  }
}

class StreamRoom extends Room<{ state: Board }> {
  override state = aStreamedBoard();
  override patchRate = STEP_MS;

  override onCreate() {
    this.setTimestep(() => stepBoard(this.state, true), STEP_MS);
  }
}

class WarehouseRoom extends Room<{ state: Warehouse }> {
  override state = new Warehouse();

  override onCreate() {
    for (let n = 0; n < ITEMS; n++) this.state.items.set(String(n), new Item({ n, words: `item number ${n}` }));
    this.state.secrets.set("0", new Item({ n: 0, words: "a secret" }));
    this.onMessage("reveal", (client) => client.view?.add(this.state.secrets.get("0") as Item));
  }

  override onJoin(client: Client) {
    client.view = new StateView();
    client.view.add(this.state.secrets.get("0") as Item);
  }
}

/** Two players of one team look through the same view. */
class TeamRoom extends WarehouseRoom {
  readonly #view = new StateView();
  override onJoin(client: Client) {
    client.view = this.#view;
  }
}

class LabelPlugin extends RoomPlugin<Room<{ state: Board }>> {
  protected override order = { onCreate: "after" } as const;

  protected override onCreate() {
    this.room.state.label = "plugged";
  }
}

class PluggedRoom extends Room<{ state: Board }> {
  override state = new Board();
  override plugins = definePlugins({ label: new LabelPlugin() });

  override onCreate() {
    this.setTimestep(() => stepBoard(this.state, false), STEP_MS);
  }

  override onUncaughtException() {}
}

const attempts = new Map<string, number>();

/** Five attempts to an address, counted by the address that the engine says a player has. */
class LimitedRoom extends YardRoom {
  static override async onAuth(_token: string, _options: unknown, context: AuthContext) {
    const made = (attempts.get(context.ip ?? "") ?? 0) + 1;
    attempts.set(context.ip ?? "", made);
    if (made > 5) throw new ServerError(429, "too many attempts");
    return true;
  }
}

const transport = new WebSocketTransport();
/** With a Redis as the engine's documentation says. */
const redisUrl = process.env["REDIS_URL"]?.replace(/^unix:\/\//, "");
const { RedisDriver } = await import("@colyseus/redis-driver");
const { RedisPresence } = await import("@colyseus/redis-presence");
const shared =
  redisUrl === undefined ? {} : { driver: new RedisDriver(redisUrl), presence: new RedisPresence(redisUrl) };
const server = new Server({ transport, greet: false, ...shared });
for (const [name, room] of Object.entries({
  yard: YardRoom,
  slow: SlowRoom,
  walk: WalkRoom,
  stream: StreamRoom,
  warehouse: WarehouseRoom,
  team: TeamRoom,
  plugged: PluggedRoom,
  limited: LimitedRoom,
  relay: RelayRoom,
})) {
  server.define(name, room as never).filterBy(["lane"] as never);
}
await server.listen(0, "127.0.0.1");
const address = transport.server?.address() as AddressInfo | undefined;
serveParent(address?.port ?? 0, { rooms: () => matchMaker.stats.local.roomCount });
