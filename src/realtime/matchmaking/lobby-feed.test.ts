import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import type { Directory, LobbyChange } from "../../cluster/directory/directory.ts";
import { TestClock } from "../../platform/clock.ts";
import { aListing } from "../../testing/listings.ts";
import { createLobbyFeed, FOLLOWERS_MAX, UNREAD_BYTES_MAX } from "./lobby-feed.ts";
import type { RoomKind } from "./matchmaking.ts";
import { createPublicRooms } from "./public-rooms.ts";

/** An answer of which somebody reads nothing, or all. */
class Answer extends EventEmitter {
  readonly texts: string[] = [];
  writableLength = 0;
  isEnded = false;
  readonly #isRead: boolean;
  constructor(isRead: boolean) {
    super();
    this.#isRead = isRead;
  }
  writeHead(): this {
    return this;
  }
  write(text: string): void {
    this.texts.push(text);
    if (!this.#isRead) this.writableLength += text.length;
  }
  end(): void {
    this.isEnded = true;
    this.emit("close");
  }
  destroy(): void {
    this.end();
  }
}

function aStage() {
  const clock = new TestClock();
  let tell: (change: LobbyChange) => void = () => {};
  let watches = 0;
  const directory = {
    watch: (_name: string, listener: (change: LobbyChange) => void) => {
      watches += 1;
      tell = listener;
      return () => {};
    },
  } as unknown as Directory;
  const kinds = new Map([["plain", { lobby: ["map"] } as unknown as RoomKind]]);
  const publicRooms = createPublicRooms({ kinds, directory, clock });
  const feed = createLobbyFeed({ publicRooms, clock });
  const open = (isRead: boolean, address = "10.0.0.1") => {
    const answer = new Answer(isRead);
    feed.open(answer as unknown as ServerResponse, { name: "plain", sight: {}, address, headers: {} });
    return answer;
  };
  const change = (changed: LobbyChange["changed"], isWhole = false) => tell({ isWhole, changed, removed: [] });
  return { clock, publicRooms, feed, open, change, watches: () => watches };
}

test("[LOBBY3] who does not read is let go, and who reads is told everything", () => {
  const { open, change, watches } = aStage();
  const [reader, sleeper] = [open(true), open(false)];
  change([], true);
  const rooms = Array.from({ length: 100 }, () => aListing("plain", { metadata: { map: "m".repeat(60) } as never }));
  let rounds = 0;
  for (; !sleeper.isEnded && rounds < 100; rounds++) {
    change(rooms.map((room) => ({ ...room, clients: rounds % 4 })));
  }
  expect(sleeper.writableLength).toBeGreaterThan(UNREAD_BYTES_MAX);
  expect(sleeper.writableLength).toBeLessThan(UNREAD_BYTES_MAX * 1.2);
  expect([reader.isEnded, reader.texts.length]).toEqual([false, rounds + 2]);
  change([{ ...(rooms[0] ?? aListing("plain")), clients: 4 }]);
  expect([sleeper.texts.length < reader.texts.length, watches()]).toEqual([true, 1]);
});

test("[LOBBY3] a thousand follow at once, and one more is refused until one has gone", () => {
  const { open } = aStage();
  const answers = Array.from({ length: FOLLOWERS_MAX }, (_, n) => open(true, `10.0.${n >> 4}.1`));
  expect(() => open(true, "10.1.0.1")).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
  answers[0]?.emit("close");
  open(true, "10.1.0.1");
});

test("[LOBBY2] a directory that is read anew tells followers only what has changed; every ten seconds the feed shows that it lives", () => {
  const { clock, open, change, feed } = aStage();
  const answer = open(true);
  const [one, two, three] = [aListing("plain"), aListing("plain"), aListing("plain")];
  change([one, two], true);
  change([{ ...one, clients: 1 }, three], true);
  const told = answer.texts.filter((text) => text.startsWith("data: ")).map((text) => JSON.parse(text.slice(6)));
  const ids = (rooms: { roomId: string }[]) => rooms.map(({ roomId }) => roomId);
  expect(told.map(({ isWhole, changed, removed }) => [isWhole, ids(changed), removed])).toEqual([
    [true, ids([one, two]), []],
    [false, ids([one, three]), [two.roomId]],
  ]);
  const before = answer.texts.length;
  clock.advance(20_000);
  expect(answer.texts.slice(before)).toEqual([":\n\n", ":\n\n"]);
  feed.stop();
  expect(answer.isEnded).toBe(true);
});

test("[LOBBY1] a list that is not known yet is unavailable after a second", async () => {
  const { clock, publicRooms, change } = aStage();
  const asked = publicRooms.board("plain", {}).rooms({});
  clock.advance(1000);
  await expect(asked).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const again = publicRooms.board("plain", {}).rooms({});
  change([aListing("plain")], true);
  expect(await again).toHaveLength(1);
});
