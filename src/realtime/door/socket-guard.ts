import { ClientState } from "@colyseus/core";
import type { WebSocketClient } from "@colyseus/ws-transport";
import { type CloseCode, closeCodes } from "../../../schema/protocol.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { hearText } from "./direct-client.ts";

type Socket = WebSocketClient["ref"];

/** From the end of the handshake to the client's acknowledgement of its join. With the grace below, within five seconds. */
const JOIN_DEADLINE_MS = 4_000;
/** How long an offender's connection stays after the close frame, so that the code reaches it. */
const LAST_WORDS_MS = 400;
/** Pings and pongs that one client may send in a second. An honest one answers ours, one in three seconds. */
const CONTROL_FRAMES_PER_SECOND = 30;
/** RFC 6455: data of a kind that this endpoint does not take. */
const TEXT_REFUSED = 1003;

interface SocketGuardParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Watches what the engine does not look at: whether the join is ever finished, control frames, which no room counts, and
 * text frames, which no client of ours sends.
 */
export function guardSocket(client: WebSocketClient, { clock, metrics }: SocketGuardParts): void {
  const socket = client.ref;
  const close = (code: CloseCode | typeof TEXT_REFUSED, reason: string) => {
    // From here on the engine skips this client's frames.
    if (client.state === ClientState.LEAVING) return;
    client.state = ClientState.LEAVING;
    metrics.doorRefused.inc({ reason });
    closeForGood(socket, code, clock);
  };
  const cancelDeadline = clock.after(JOIN_DEADLINE_MS, () => {
    const isJoining = client.state === ClientState.JOINING || client.state === ClientState.RECONNECTING;
    if (isJoining) close(closeCodes.LATE, "join unfinished");
  });
  socket.on("close", cancelDeadline);
  hearText(socket, () => close(TEXT_REFUSED, "text frame"));
  const countControl = createCounter(clock, () => close(closeCodes.OFFENCE, "control flood"));
  socket.on("ping", countControl);
  socket.on("pong", countControl);
}

/** Says why, stops reading, and breaks the connection soon after: an offender need not answer the close frame. */
export function closeForGood(socket: Socket, code: number, clock: Clock): void {
  socket.close(code);
  socket.pause();
  const cancel = clock.after(LAST_WORDS_MS, () => socket.terminate());
  socket.on("close", cancel);
}

function createCounter(clock: Clock, onFlood: () => void): () => void {
  let startedMs = clock.monotonicMs();
  let count = 0;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - startedMs >= 1000) {
      startedMs = nowMs;
      count = 0;
    }
    count += 1;
    if (count > CONTROL_FRAMES_PER_SECOND) onFlood();
  };
}
