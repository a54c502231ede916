import type { BotPlan, BotWorld } from "./bot.ts";
import { Failure } from "./failure.ts";
import { createJsonClient, type JsonClient, type Seat, seatDial } from "./light.ts";
import { LightLine, type LineListener } from "./light-line.ts";
import type { Dial } from "./light-socket.ts";
import { botHeaders, type Link } from "./link.ts";

/** A light bot's way in: as a guest, by the front door. */
export interface LightDoor {
  /** The session's, once the bot has asked for its first seat. */
  readonly token: string;
  /** Fails with a Failure. */
  join(listener: LineListener): Promise<LightLine>;
  /** Takes the seat again that the last join gave. */
  redial(reconnectionToken: string, listener: LineListener): Promise<LightLine>;
  close(): void;
}

/** Players do not share their connections with others, so nobody should have to wait for one. */
const SOCKETS_MAX = 1024;

/** `name` tells the accounts of one bot apart. */
export function createLightDoor(
  plan: BotPlan,
  world: BotWorld,
  link: Link,
  name: number | string = plan.number,
): LightDoor {
  const headers = botHeaders(world, name);
  const http = borrowJsonClient(link);
  let token: string | null = null;
  let dial: Dial | null = null;
  const signIn = async () => {
    const reply = await http.client.post<{ token: string }>("/api/accounts/guest", {}, headers);
    token = reply.token;
  };
  return {
    get token() {
      return token ?? "";
    },
    async join(listener) {
      if (token === null) await signIn();
      const asPlayer = { ...headers, authorization: `Bearer ${token}` };
      const path = `/matchmake/joinOrCreate/${encodeURIComponent(plan.room)}`;
      const { publicAddress, ...seat } = await http.client.post<Seat>(path, plan.filters, asPlayer);
      // A process that is dialled directly would be dialled around the network in between.
      const direct = link.isShaped || publicAddress === undefined ? {} : { publicAddress };
      dial = seatDial(link.endpoint, { ...seat, ...direct }, headers);
      return LightLine.open(dial, listener);
    },
    async redial(reconnectionToken, listener) {
      if (dial === null) throw new Failure("ROOM_SEAT_LOST", "There was no seat yet.");
      const path = `${dial.path}&reconnectionToken=${encodeURIComponent(reconnectionToken)}&skipHandshake=1`;
      return LightLine.open({ ...dial, path }, listener);
    },
    close: http.giveBack,
  };
}

const shared = new Map<string, { readonly client: JsonClient; users: number }>();

/** One client for all bots of a process that dial the same endpoint: a network in front of it is dialled by one bot only. */
function borrowJsonClient({ endpoint }: Link): { readonly client: JsonClient; giveBack(): void } {
  const entry = shared.get(endpoint) ?? { client: createJsonClient(endpoint, { socketsMax: SOCKETS_MAX }), users: 0 };
  shared.set(endpoint, entry);
  entry.users += 1;
  let isGivenBack = false;
  return {
    client: entry.client,
    giveBack() {
      if (isGivenBack) return;
      isGivenBack = true;
      entry.users -= 1;
      if (entry.users > 0) return;
      shared.delete(endpoint);
      entry.client.close();
    },
  };
}
