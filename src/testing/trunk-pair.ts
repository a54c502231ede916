import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll } from "vitest";
import { Trunk } from "../cluster/relay/trunk.ts";
import type { TrunkBreak, TrunkChannel } from "../cluster/relay/trunk-channel.ts";
import { ENTRANCE_WINDOWS, OWNER_WINDOWS } from "../cluster/relay/trunk-opening.ts";
import { TrunkStream } from "../cluster/relay/trunk-stream.ts";
import { type Clock, createSystemClock } from "../platform/clock.ts";

/** Two connected sockets: the one that dialled and the one that was accepted. */
export async function aSocketPair(): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const near = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  for (const socket of [near, far]) {
    socket.on("error", () => {});
    afterAll(() => void socket.destroy());
  }
  return [near, far];
}

export interface TrunkEnd {
  readonly trunk: Trunk;
  readonly socket: Socket;
  /** How often something was read: each is one piece as the network had it. */
  reads(): number;
  /** Why it broke, or null. */
  broke(): TrunkBreak | null;
}

export interface TrunkPair {
  /** Where players come in. */
  readonly near: TrunkEnd;
  /** Where their rooms are. */
  readonly far: TrunkEnd;
  /** Opens a stream, and returns both ends of it. */
  open(): Promise<{ readonly channel: TrunkChannel; readonly stream: TrunkStream }>;
}

export async function aTrunkPair(clock: Pick<Clock, "every"> = createSystemClock()): Promise<TrunkPair> {
  const [nearSocket, farSocket] = await aSocketPair();
  const streams: TrunkStream[] = [];
  const near = anEnd(nearSocket, (onOver) => {
    return new Trunk({ socket: nearSocket, clock, windows: ENTRANCE_WINDOWS, keep() {}, onOpen: null, onOver });
  });
  const onOpen = (channel: TrunkChannel) => {
    const stream = new TrunkStream(channel, undefined);
    stream.on("error", () => {});
    streams.push(stream);
  };
  const far = anEnd(farSocket, (onOver) => {
    return new Trunk({ socket: farSocket, clock, windows: OWNER_WINDOWS, keep() {}, onOpen, onOver });
  });
  return {
    near,
    far,
    async open() {
      const channel = near.trunk.open(Buffer.from("head"));
      if (channel === null) throw new Error("the trunk is over");
      const count = streams.length;
      while (streams.length === count) await new Promise((resolve) => setTimeout(resolve, 1));
      return { channel, stream: streams[count] as TrunkStream };
    },
  };
}

function anEnd(socket: Socket, make: (onOver: (why: TrunkBreak) => void) => Trunk): TrunkEnd {
  let reads = 0;
  let broke: TrunkBreak | null = null;
  const trunk = make((why) => {
    broke = why;
  });
  socket.on("data", (bytes: Buffer) => {
    reads += 1;
    trunk.read(bytes);
  });
  afterAll(() => trunk.break("stop"));
  return { trunk, socket, reads: () => reads, broke: () => broke };
}
