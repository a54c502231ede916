import type { TrunkWindows } from "./trunk-channel.ts";

/** How a trunk begins: as a request like any other, so that whoever knocks there by mistake gets an answer. */
export const TRUNK_REQUEST = "GET /trunk HTTP/1.1";
export const TRUNK_PROTOCOL = "umpire-trunk-1";
export const TRUNK_ANSWER = `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${TRUNK_PROTOCOL}\r\n\r\n`;

/** Of one player: what the room sends, states of some size among it. */
const DOWN_BYTES = 256 * 1024;
/** What the player sends, which is little. */
const UP_BYTES = 64 * 1024;

/** The end by which players come in, */
export const ENTRANCE_WINDOWS: TrunkWindows = { send: UP_BYTES, take: DOWN_BYTES };
/** and the end where their rooms are. */
export const OWNER_WINDOWS: TrunkWindows = { send: DOWN_BYTES, take: UP_BYTES };
