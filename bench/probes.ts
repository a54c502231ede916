import { Client, type Room } from "@colyseus/sdk";
import { createJsonClient, signedName } from "../loadtest/bots/light.ts";
import { LOADTEST_HEADER } from "../schema/protocol.ts";
import { type Direction, type Place, roomName } from "./contenders/movement.ts";
import { PACKED } from "./contenders/ws-floor/packing.ts";
import type { Goal } from "./dialects.ts";

/** A whole client: it decodes everything it is sent, as a player's does. */
export interface Probe {
  /** Its player as the server's truth names it: `<room id>/<name in the state>`. */
  name(): string;
  /** Where it sees its own player. */
  place(): Place | undefined;
  /** Sends one input. */
  move(direction: Direction): void;
  /** Called after each state or patch. */
  onState: () => void;
  leave(): Promise<void>;
}

/** How a whole client of each contender is made; they join as the bots do. */
export const probes: Readonly<Record<string, (goal: Goal, number: number) => Promise<Probe>>> = {
  "ws-floor": floorProbe,
  "socket-io": socketIoProbe,
  "stock-defaults": ({ endpoint, size }) =>
    engineProbe({ endpoint, size, token: null }, (room) => ({
      name: () => room.sessionId,
      move: (direction) => room.send("move", direction),
    })),
  "stock-best": ({ endpoint, size }) =>
    engineProbe({ endpoint, size, token: null }, (room) => ({ name: () => room.sessionId, move: byInput(room) })),
  umpire: umpireProbe,
};

interface PlayersState {
  readonly players?: ReadonlyMap<string, Place>;
}
type SeatedRoom = Room<never, PlayersState>;
type Hands = Pick<Probe, "name" | "move">;

async function engineProbe(
  { endpoint, size, token }: Pick<Goal, "endpoint" | "size"> & { token: string | null },
  handsOf: (room: SeatedRoom) => Hands,
): Promise<Probe> {
  const client = new Client(endpoint);
  if (token !== null) client.auth.token = token;
  const room = (await client.joinOrCreate(roomName(size))) as unknown as SeatedRoom;
  const hands = handsOf(room);
  const probe: Probe = {
    name: () => `${room.roomId}/${hands.name()}`,
    place: () => room.state.players?.get(hands.name()),
    move: hands.move,
    onState: () => {},
    leave: async () => {
      await room.leave();
    },
  };
  room.onMessage("*", () => {});
  room.onStateChange(() => probe.onState());
  return probe;
}

function byInput(room: SeatedRoom): (direction: Direction) => void {
  const input = room.input({ mode: "reliable", allowRewind: () => false });
  return (direction) => {
    Object.assign(input.data as object, direction);
    input.send();
  };
}

async function umpireProbe({ endpoint, size, loadtestKey, name }: Goal, number: number): Promise<Probe> {
  const http = createJsonClient(endpoint);
  const headers = { [LOADTEST_HEADER]: signedName(`${name}-probe-${number}`, loadtestKey) };
  const { token } = await http.post<{ token: string }>("/api/accounts/guest", {}, headers);
  const authorization = `Bearer ${token}`;
  const ticketBody = { room: roomName(size) };
  const { ticket } = await http.post<{ ticket: string }>("/api/accounts/ticket", ticketBody, {
    ...headers,
    authorization,
  });
  return engineProbe({ endpoint, size, token: ticket }, (room) => {
    let slot = "";
    room.onMessage("welcome", (welcome: { slot: number }) => {
      slot = String(welcome.slot);
    });
    return { name: () => slot, move: byInput(room) };
  });
}

async function floorProbe({ endpoint, size }: Goal): Promise<Probe> {
  const places = new Map<number, Place>();
  let roomId = 0;
  let index = -1;
  const socket = await dial(`${endpoint.replace("http", "ws")}/${size}`, (data) => {
    const view = new DataView(data as ArrayBuffer);
    if (view.getUint8(0) === PACKED.welcome) {
      roomId = view.getUint8(1);
      index = view.getUint8(2);
      return;
    }
    for (let at = 1; at < view.byteLength; at += PACKED.playerBytes) {
      places.set(view.getUint8(at), { x: view.getFloat32(at + 1, true), y: view.getFloat32(at + 5, true) });
    }
    probe.onState();
  });
  const probe: Probe = {
    name: () => `${roomId}/${index}`,
    place: () => places.get(index),
    move: ({ dx, dy }) => socket.send(Int8Array.of(dx, dy)),
    onState: () => {},
    leave: () => hangUp(socket),
  };
  return probe;
}

async function socketIoProbe({ endpoint, size }: Goal): Promise<Probe> {
  let players: Record<string, Place> = {};
  let welcome = { room: "", id: "" };
  const url = `${endpoint.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket&size=${size}`;
  const socket = await dial(url, (data) => {
    const text = String(data);
    if (text.startsWith("0")) socket.send("40");
    if (text === "2") socket.send("3");
    if (!text.startsWith("42")) return;
    const [event, payload] = JSON.parse(text.slice(2));
    if (event === "welcome") welcome = payload;
    if (event !== "state") return;
    players = payload;
    probe.onState();
  });
  const probe: Probe = {
    name: () => `${welcome.room}/${welcome.id}`,
    place: () => players[welcome.id],
    move: (direction) => socket.send(`42${JSON.stringify(["move", direction])}`),
    onState: () => {},
    leave: () => hangUp(socket),
  };
  return probe;
}

function dial(url: string, onMessage: (data: unknown) => void): Promise<WebSocket> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => onMessage(data));
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => reject(new Error(`No WebSocket at ${url}.`)));
  });
}

function hangUp(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.addEventListener("close", () => resolve());
    socket.close();
  });
}
