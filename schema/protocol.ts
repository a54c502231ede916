/** The protocol's version. A client whose version differs is told to update before it joins. */
export const PROTOCOL_VERSION = 1;

/** Limits that both ends enforce everywhere. A room's own limits stand beside its state in `schema/state`. */
export const BODY_BYTES_MAX = 64 * 1024;
/** Of a route that takes the bytes as they are: what a payment provider sends. */
export const RAW_BODY_BYTES_MAX = 256 * 1024;
export const MESSAGE_BYTES_MAX = 4 * 1024;
export const DISPLAY_NAME_CHARS_MAX = 24;
export const PASSWORD_CHARS_MIN = 8;
export const PASSWORD_CHARS_MAX = 256;
export const EMAIL_CHARS_MAX = 254;
export const SESSIONS_PER_ACCOUNT_MAX = 20;
export const TICKET_TTL_MS = 60_000;
/** A JSON Web Token, as of all our tokens only tickets are. */
export const TICKET_PATTERN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
export const RECONNECT_SECONDS = 30;

/** Codes of private rooms: without 0, 1, I, L, O and U, which are taken for another, or make words. */
export const ROOM_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ";
export const ROOM_CODE_CHARS = 6;
/** A join is held back so long at most while a better room may turn up: proxies give up an answer after half a minute. */
export const JOIN_WAIT_SECONDS_MAX = 15;

/** A load tester's bot names itself in this header as `name.signature`: see LOADTEST_KEY. */
export const LOADTEST_HEADER = "x-umpire-loadtest";

/**
 * Why a room closed a connection, as WebSocket close code. The codes from 4010 up, and 1001, 1005 and 1006, are the
 * engine's: an SDK redials after 1001, 1005, 1006 and 4010 and treats every other code as final.
 */
export const closeCodes = {
  LEFT: 4000,
  SERVER_SHUTDOWN: 4001,
  FAULT: 4002,
  RECONNECT_FAILED: 4003,
  REDIAL: 4010,
  SIGNED_OUT: 4020,
  REPLACED: 4021,
  /** Too many frames, or frames that no honest client sends. */
  OFFENCE: 4022,
  BANNED: 4023,
  /** The client opened its socket and never finished its join. */
  LATE: 4024,
} as const;

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];
