import { type KeyObject, timingSafeEqual } from "node:crypto";
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { connectClientToRoom, createAuthContext, matchMaker, Room, ServerError } from "@colyseus/core";
import { type WebSocketClient, WebSocketTransport } from "@colyseus/ws-transport";
import { closeCodes, MESSAGE_BYTES_MAX } from "../../../schema/protocol.ts";
import { adopt, type Connections } from "../../cluster/processes/dealing.ts";
import type { Relay } from "../../cluster/relay/relay.ts";
import type { Relayed } from "../../cluster/relay/relay-listener.ts";
import type { ClientAddress } from "../../platform/client-address.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError, type TranslateError } from "../../platform/errors.ts";
import { retryHeaders } from "../../platform/http.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Random } from "../../platform/random.ts";
import { reconnectionToken as trueToken } from "../reconnection-token.ts";
import { DirectClient } from "./direct-client.ts";
import { Heartbeat } from "./heartbeat.ts";
import { closeForGood, guardSocket } from "./socket-guard.ts";
import { roomIdOf, type SeatClaim, type UpgradeGate } from "./upgrade-gate.ts";

interface SocketTransportParts {
  readonly gate: UpgradeGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly translate: TranslateError;
  readonly clientAddress: Pick<ClientAddress, "of" | "adopt">;
  /** To the processes where other rooms live; null where this process is alone. */
  readonly relay: Pick<Relay, "carry"> | null;
  /** Whether other processes listen on the same port, among which the kernel deals out connections. */
  readonly connections: Connections | null;
  /** Signs reconnection tokens. */
  readonly secret: KeyObject;
  /** Told of each connection that is no longer one of HTTP. */
  readonly onUpgrade: (socket: Duplex) => void;
  /** Told of a session id whose seat could not be taken. */
  readonly onRefused: (sessionId: string) => void;
}

type Socket = WebSocketClient["ref"];

/** Vite's hot reload shares the listener in development; its sockets are not the engine's. */
const VITE_PROTOCOL = /^vite-(hmr|ping)$/;

/**
 * Of one message. A link that is slow cuts a message into a few pieces; thousands of tiny ones would cost far more
 * memory than they have bytes.
 */
const FRAGMENTS_MAX = 32;
const CHUNKS_MAX = 256;
/** A peer that does not answer a close frame is cut off after this: a player who is sent away is gone within 2 s. */
const CLOSE_TIMEOUT_MS = 1_500;

/** Who comes in was found out at the matchmaker; nothing that a socket says of itself reaches a room. */
const NO_CONTEXT = Object.freeze(createAuthContext({ headers: {} }));

/** What the types of `ws` do not know yet stands here beside what they do. */
const socketOptions = {
  noServer: true,
  maxPayload: MESSAGE_BYTES_MAX,
  maxFragments: FRAGMENTS_MAX,
  maxBufferedChunks: CHUNKS_MAX,
  closeTimeout: CLOSE_TIMEOUT_MS,
  perMessageDeflate: false,
};

/**
 * The engine's WebSocket transport behind our gate. The engine's own upgrade takes any page's socket, at any path, for
 * as long as it likes, and tells a client that it turns away what went wrong inside.
 */
export class SocketTransport extends WebSocketTransport {
  readonly #parts: SocketTransportParts;
  readonly #heartbeat: Heartbeat;
  /** Whose join is under way: of two sockets that claim a seat at once, the second must not undo what the first does. */
  readonly #joining = new Set<string>();

  constructor(server: Server, parts: SocketTransportParts) {
    super(socketOptions);
    this.#parts = parts;
    this.#heartbeat = new Heartbeat(parts);
    this.attachToServer(server);
  }

  /** The engine's own knows no other way to connections than a port. */
  override listen(port: number, host: string, backlog: number, onListening: () => void): this {
    const { server } = this;
    const { connections } = this.#parts;
    if (connections === null) server?.listen({ port, host, backlog }, onListening);
    else setImmediate(onListening);
    connections?.hand((connection) => server && adopt(server, connection));
    return this;
  }

  /** Called once the transport has its server. The engine's own would take any pong for a sign of life. */
  protected override autoTerminateUnresponsiveClients(): void {
    this.server?.once("close", this.#heartbeat.start(this.#parts.clock));
  }

  protected override listenForUpgrade(server: Server): void {
    server.on("upgrade", (request, socket, head) => {
      const isForVite = VITE_PROTOCOL.test(request.headers["sec-websocket-protocol"] ?? "");
      // Without Vite's own listener nobody would answer, and the connection would stay open for ever.
      if (isForVite && server.listenerCount("upgrade") > 1) return;
      this.#parts.onUpgrade(socket);
      this.#receive(request, socket, head).catch((thrown: unknown) => this.refuse(socket, thrown));
    });
  }

  /** Takes a connection that another process has passed on. It is judged as if it had come in here, and passed on no further. */
  takeRelayed({ request, socket, head, caller }: Relayed): void {
    this.#parts.clientAddress.adopt(request, caller);
    const receive = async () => {
      // Asked before it costs the client anything: it is not the client who has come to the wrong door.
      if (!isRoomHere(roomIdOf(request.url ?? ""))) throw new AppError("RELAY_MISDIRECTED");
      await this.#receive(request, socket, head, { isRelayed: true });
    };
    receive().catch((thrown: unknown) => this.refuse(socket, thrown));
  }

  async #receive(request: IncomingMessage, socket: Duplex, head: Buffer, { isRelayed = false } = {}): Promise<void> {
    const destroy = () => void socket.destroy();
    // Nobody else hears the socket's errors until the handshake.
    socket.on("error", destroy);
    const { claim, leave } = await this.#parts.gate.enter(request, { isRelayed });
    socket.once("close", leave);
    if (socket.destroyed) return leave();
    if (!isRelayed && (await this.#isElsewhere(request, socket, head, claim))) return;
    socket.removeListener("error", destroy);
    // The answer to the upgrade leaves together with the first message, if the room has it ready: one packet, not two.
    socket.cork();
    process.nextTick(() => socket.uncork());
    this.wss.handleUpgrade(request, socket, head, (webSocket) => void this.#seat(webSocket, claim));
  }

  /**
   * Passes on what is meant for a room of another process. A room that nobody runs is answered here, as one that is gone:
   * with a close code after which an SDK stops dialling, and not with a refusal, after which it does not.
   */
  async #isElsewhere(request: IncomingMessage, socket: Duplex, head: Buffer, claim: SeatClaim): Promise<boolean> {
    const { relay, clientAddress } = this.#parts;
    if (relay === null || isRoomHere(claim.roomId)) return false;
    const upgrade = { request, socket, head, roomId: claim.roomId, caller: clientAddress.of(request) };
    const carried = await relay.carry({ ...upgrade, isRedial: this.#isRedial(claim) });
    return carried === "carried" || carried === "gone";
  }

  /** Whether the token is the true one, which only the player who sat there was told. */
  #isRedial({ roomId, sessionId, reconnectionToken }: SeatClaim): boolean {
    if (reconnectionToken === null) return false;
    const isTrue = Buffer.from(trueToken(this.#parts.secret, roomId, sessionId));
    return timingSafeEqual(Buffer.from(reconnectionToken), isTrue);
  }

  /** Answers an upgrade that is turned away. */
  refuse(socket: Duplex, thrown: unknown): void {
    const { metrics, translate } = this.#parts;
    const shown = translate(thrown, { door: "socket" });
    metrics.doorRefused.inc({ reason: shown.body.code });
    const body = JSON.stringify(shown.body);
    const lines = [
      `HTTP/1.1 ${shown.status} ${STATUS_CODES[shown.status] ?? ""}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "cache-control: no-store",
      "connection: close",
      ...Object.entries(retryHeaders(shown)).map(([name, value]) => `${name}: ${value}`),
    ];
    // The peer need not close its half, so the end of ours is the end of both.
    socket.once("finish", () => socket.destroy());
    socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }

  async #seat(webSocket: Socket, { roomId, sessionId, reconnectionToken, skipHandshake }: SeatClaim): Promise<void> {
    this.#heartbeat.watch(webSocket);
    // A broken frame is answered with its close code by `ws`; here it is only kept from ending the process.
    webSocket.on("error", () => {});
    const client = new DirectClient(sessionId, webSocket);
    guardSocket(client, this.#parts);
    const room = localRoom(roomId);
    const isFirst = !this.#joining.has(sessionId);
    try {
      if (!isFirst) throw new AppError("ROOM_SEAT_LOST");
      this.#joining.add(sessionId);
      if (reconnectionToken !== null) this.#endStale(room, sessionId, reconnectionToken);
      await connectClientToRoom(room, client, NO_CONTEXT, {
        skipHandshake,
        ...(reconnectionToken !== null && { reconnectionToken }),
      });
    } catch (thrown) {
      if (isFirst) this.#parts.onRefused(sessionId);
      const [status, sentence] = this.#sayWhy(thrown);
      const code = reconnectionToken === null ? closeCodes.FAULT : closeCodes.RECONNECT_FAILED;
      client.error(status, sentence, () => webSocket.close(code));
    } finally {
      if (isFirst) this.#joining.delete(sessionId);
    }
  }

  /**
   * A player whose network has changed dials again while its old connection still looks alive. The engine would wait
   * for that one to be found dead; the token proves that the same player is here, so it ends now.
   */
  #endStale(room: Room | undefined, sessionId: string, reconnectionToken: string): void {
    const stale = room?.clients.get(sessionId)?.ref as Socket | undefined;
    if (room?.checkReconnectionToken(reconnectionToken) !== sessionId || stale === undefined) return;
    // By now the engine may have forgotten this socket.
    closeForGood(stale, closeCodes.REPLACED, this.#parts.clock);
  }

  /** A room's own refusals are coded already. The engine's, and whatever else, would show how it looks inside. */
  #sayWhy(thrown: unknown): [status: number, sentence: string] {
    if (thrown instanceof ServerError && REFUSED_BY_ROOM.test(thrown.message)) return [thrown.code, thrown.message];
    const failure = thrown instanceof ServerError ? new AppError("ROOM_SEAT_LOST", {}, thrown) : thrown;
    const { status, body } = this.#parts.translate(failure, { door: "seat" });
    this.#parts.metrics.doorRefused.inc({ reason: body.code });
    return [status, `${body.code}: ${body.message} (${body.errorId})`];
  }
}

function localRoom(roomId: string): Room | undefined {
  const found = matchMaker.getLocalRoomById(roomId);
  // The engine looks among an object's keys, and `__proto__` is always there.
  return found instanceof Room ? found : undefined;
}

/** Whether this process runs the room. */
export function isRoomHere(roomId: string | null): boolean {
  return roomId !== null && localRoom(roomId) !== undefined;
}

/** As the rooms' guard writes them. */
const REFUSED_BY_ROOM = /^[A-Z][A-Z_]+: .* \(err_\w+\)$/s;
