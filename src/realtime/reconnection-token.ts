import { createHmac, type KeyObject } from "node:crypto";

const TOKEN_BYTES = 16;

/**
 * The token that brings a dropped player back to its seat: 128 bits derived from the server's secret, so that nothing
 * need be stored and a process that adopts the room later knows the same token.
 */
export function reconnectionToken(secret: KeyObject, roomId: string, sessionId: string): string {
  const mac = createHmac("sha256", secret).update(`reconnect\n${roomId}\n${sessionId}`).digest();
  return mac.subarray(0, TOKEN_BYTES).toString("base64url");
}
