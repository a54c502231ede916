import type { ErrorTable } from "./table.ts";

export const roomsErrors = {
  ROOM_NOT_FOUND: { status: 404, message: "There is no such room." },
  ROOM_FULL: { status: 409, message: "The room is full. Try again, or ask for another." },
  ROOM_OPTIONS_INVALID: { status: 400, message: "The join options are not ones this room takes." },
  ROOM_FILTER_REFUSED: { status: 400, message: "The server says this itself. Ask for a room without it." },
  ROOM_CODE_UNKNOWN: { status: 404, message: "No room has this code now. Look at it again." },
  ROOM_PASSWORD_WRONG: { status: 403, message: "This room has another password." },
  ROOM_METHOD_REFUSED: { status: 403, message: "This room does not let players do that." },
  ROOM_CREATE_REFUSED: { status: 403, message: "There is no such room now, and you may not open one." },
  ROOM_CREATE_EXCEEDED: {
    status: 429,
    message: "You have opened too many rooms. Wait until some of them have closed.",
  },
  ROOM_SEATS_OPEN: {
    status: 429,
    message: "You hold seats that you have not taken. Take them, or wait a few seconds.",
  },
  ROOM_SEATS_EXCEEDED: { status: 409, message: "You sit in as many rooms as one player may. Leave one first." },
  ROOM_SEAT_LOST: { status: 410, message: "This seat is no longer kept. Join again." },
  ROOM_MESSAGE_INVALID: { status: 400, message: "The message does not have the form this room expects." },
  ROOM_MESSAGE_UNKNOWN: { status: 404, message: "This room has no message of that type." },
  ROOM_FAULT: { status: 500, message: "The room met a fault. Quote the error id when you report it." },
} as const satisfies ErrorTable;
