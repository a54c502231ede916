import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { ROOM_CODE_ALPHABET, ROOM_CODE_CHARS } from "../../../schema/protocol.ts";
import type { Listing } from "../../cluster/directory/directory.ts";
import type { Random } from "../../platform/random.ts";
import type { Limit } from "../../platform/rate-limit.ts";

/** How a private room is entered. It stands beside the room's metadata, which a game may show, and never in it. */
export interface Invitation {
  readonly code: string;
  /** Whose the room is that has this code: of two who drew the same at once, one draws again. */
  readonly nonce: string;
  /** Keyed with the server's secret, so that whoever reads Redis cannot try passwords. Null for a room without one. */
  readonly passwordHash: string | null;
}

const ROOM_PASSWORD_CHARS_MAX = 64;
/** Of one account and of one address, right and wrong together: nobody types more. */
export const CODE_LIMIT: Limit = { count: 30, perSeconds: 300 };
/** For one room, whoever tries. */
export const PASSWORD_LIMIT: Limit = { count: 60, perSeconds: 60 };

const ROOM_ID_BYTES = 12;

const password = z.string().min(1).max(ROOM_PASSWORD_CHARS_MAX);
export const inviteOptions = z.strictObject({ password: password.optional() });
export const codeOptions = z.strictObject({ code: z.string().max(16), password: password.optional() });

/** Any of 30^6 codes, none likelier than another. */
export function drawCode(random: Random): string {
  const letters = Array.from(
    { length: ROOM_CODE_CHARS },
    () => ROOM_CODE_ALPHABET[random.below(ROOM_CODE_ALPHABET.length)],
  );
  return letters.join("");
}

/** As a person may write it: in small letters, with spaces or dashes. */
export function readCode(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, "");
}

/**
 * The room that has this code. The id is derived, so that every process finds the room by its code without a table of
 * them, one id is one room, and nobody without the secret finds an id by trying codes on anything but this server.
 */
export function roomIdOf(secret: KeyObject, { name, code }: { name: string; code: string }): string {
  return keyed(secret, "room code", name, code).subarray(0, ROOM_ID_BYTES).toString("base64url");
}

export function hashPassword(secret: KeyObject, { roomId, password }: { roomId: string; password: string }): string {
  return keyed(secret, "room password", roomId, password).toString("base64url");
}

export function isPassword(secret: KeyObject, given: { roomId: string; password: string }, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashPassword(secret, given)), Buffer.from(hash));
}

export function invitationOf(listing: Listing | undefined): Invitation | null {
  return (listing as (Listing & { invitation?: Invitation }) | undefined)?.invitation ?? null;
}

/** From here on the room is found by its code alone. */
export function makePrivate(listing: Listing, invitation: Invitation): void {
  Object.assign(listing, { private: true, invitation });
}

/** JSON is read in one way only: no name and code make the text of another. */
function keyed(secret: KeyObject, ...parts: readonly string[]): Buffer {
  return createHmac("sha256", secret).update(JSON.stringify(parts)).digest();
}
