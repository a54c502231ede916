import { encode } from "@colyseus/schema";
import { expect, test } from "vitest";
import { refusalOf } from "./light-line.ts";

test("[BOT10] a refusal at the door is told by its code, whatever letter its length looks like", () => {
  for (let length = 0; length < 300; length++) {
    const bytes: number[] = [];
    encode.string(bytes, `ROOM_SEAT_LOST: ${"x".repeat(length)}`, { offset: 0 });
    const text = Buffer.from([11, 0xcd, 1, 2, ...bytes]).toString("latin1");
    expect(refusalOf(text).code).toBe("ROOM_SEAT_LOST");
  }
  expect(refusalOf("nonsense").code).toBe("ROOM_FAULT");
});
