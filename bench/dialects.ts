import { Room as SdkRoom } from "@colyseus/sdk";
import {
  createJsonClient,
  engineGoodbye,
  hearEngine,
  type Seat,
  seatDial,
  umpireDialect,
} from "../loadtest/bots/light.ts";
import type { Dialect, InputFrames } from "../loadtest/bots/light-crowd.ts";
import { clientFrame, OPCODE } from "../loadtest/bots/light-frames.ts";
import { inputFrames } from "../loadtest/bots/light-inputs.ts";
import { circle, type Direction, type RoomSize, roomName } from "./contenders/movement.ts";
import { Stick } from "./contenders/umpire/state.ts";
import { PACKED } from "./contenders/ws-floor/packing.ts";

/** Where a crowd goes. */
export interface Goal {
  readonly endpoint: string;
  readonly size: RoomSize;
  readonly loadtestKey: string;
  /** Tells the crowds of one run apart. */
  readonly name: string;
}

const MASKING_KEY = 0x5bd1_e995;
const ENGINE_IO_PING = "2".charCodeAt(0);
const SOCKET_IO_EVENT = "42";

/** How bots speak to each contender. */
export const dialects: Readonly<Record<string, (goal: Goal) => Dialect>> = {
  "ws-floor": ({ endpoint, size }) => ({
    prepare: async () => dialTo(endpoint, `/${size}`),
    inputs: framesOf(({ dx, dy }) => Buffer.of(dx, dy)),
    hear: ({ bytes, start }) => {
      if (bytes[start] === PACKED.patch) return "patch";
      return bytes[start] === PACKED.state ? "seated" : "other";
    },
  }),
  "socket-io": ({ endpoint, size }) => {
    const connect = clientFrame(OPCODE.text, Buffer.from("40"), MASKING_KEY);
    const pong = clientFrame(OPCODE.text, Buffer.from("3"), MASKING_KEY);
    return {
      prepare: async () => dialTo(endpoint, `/socket.io/?EIO=4&transport=websocket&size=${size}`),
      inputs: framesOf(
        (direction) => Buffer.from(`${SOCKET_IO_EVENT}${JSON.stringify(["move", direction])}`),
        OPCODE.text,
      ),
      hear: ({ bytes, start, end }, answer) => {
        const text = bytes.toString("latin1", start, Math.min(end, start + 12));
        if (text.startsWith("0")) answer(connect);
        if (bytes[start] === ENGINE_IO_PING) answer(pong);
        if (text.startsWith(`${SOCKET_IO_EVENT}["state"`)) return "patch";
        return text.startsWith(`${SOCKET_IO_EVENT}["welco`) ? "seated" : "other";
      },
    };
  },
  "stock-defaults": (goal) => stockDialect(goal, sdkMessages()),
  "stock-best": (goal) => stockDialect(goal, inputFrames(Stick, circle, MASKING_KEY)),
  umpire: ({ endpoint, size, loadtestKey, name }) =>
    umpireDialect({
      endpoint,
      room: roomName(size),
      inputs: inputFrames(Stick, circle, MASKING_KEY),
      loadtestKey,
      name,
    }),
};

function stockDialect({ endpoint, size }: Goal, inputs: InputFrames): Dialect {
  const http = createJsonClient(endpoint);
  return {
    inputs,
    hear: hearEngine,
    goodbye: engineGoodbye,
    async prepare() {
      const seat = await http.post<Seat>(`/matchmake/joinOrCreate/${roomName(size)}`, {});
      return seatDial(endpoint, seat, {});
    },
  };
}

/** What the engine's own client writes for a message, caught on its way to the socket. */
function sdkMessages(): InputFrames {
  const room = new SdkRoom("none");
  let written: Uint8Array = Buffer.alloc(0);
  const connection = {
    isOpen: true,
    send: (bytes: Uint8Array) => {
      written = bytes.slice();
    },
  };
  room.connection = connection as never;
  return framesOf((direction) => {
    room.send("move", direction);
    return written;
  });
}

function framesOf(encode: (direction: Direction) => Uint8Array, opcode: number = OPCODE.binary): InputFrames {
  return { first: [], cycle: circle.map((direction) => clientFrame(opcode, encode(direction), MASKING_KEY)) };
}

function dialTo(endpoint: string, path: string) {
  const { hostname, port } = new URL(endpoint);
  return { host: hostname, port: Number(port), path, headers: {} };
}
