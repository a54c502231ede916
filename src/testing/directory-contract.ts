import { expect, test } from "vitest";
import type { Directory } from "../cluster/directory/directory.ts";
import { aClaim, aListing, aName, aPlan, aWish, takenFrom } from "./listings.ts";
import { testLobby } from "./lobby-contract.ts";

/** What every directory keeps to, whatever holds the rooms. `processId` is that of the one under test. */
export function testDirectory(title: string, directory: Directory): void {
  testRecords(title, directory);
  testQueries(title, directory);
  testFinding(title, directory);
  testClaims(title, directory);
  testPlans(title, directory);
  testLobby(title, directory);
}

function testRecords(title: string, directory: Directory): void {
  test(`[DIRECTORY1] ${title}: a room is there by its id as it was written, and gone when it is removed`, async () => {
    const name = aName(directory);
    const endless = aListing(name, { maxClients: Number.POSITIVE_INFINITY, publicAddress: "a.example:1" });
    expect(await directory.insert(endless)).toBe(true);
    expect(await directory.findOne({ roomId: endless.roomId })).toEqual(endless);
    expect([await directory.has(endless.roomId), await directory.ownerOf(endless.roomId)]).toEqual([true, "pid-1"]);
    expect(directory.epochOf(endless.roomId)).toBe(1);
    const other = aListing(name);
    await directory.persist(other, true);
    expect(await directory.findByIds([endless.roomId, "nobody", other.roomId])).toEqual(
      new Map([
        [endless.roomId, endless],
        [other.roomId, other],
      ]),
    );
    expect(await directory.remove(endless.roomId)).toBe(true);
    expect(await directory.remove(endless.roomId)).toBe(false);
    expect(await directory.findOne({ roomId: endless.roomId })).toBeUndefined();
    expect([await directory.has(endless.roomId), await directory.ownerOf(endless.roomId)]).toEqual([false, null]);
    expect(await directory.findByIds([])).toEqual(new Map());
  });

  test(`[DIRECTORY1] ${title}: of two who record the same id one is told that it is taken`, async () => {
    const name = aName(directory);
    const [one, other] = [aListing(name, { roomId: "same", clients: 1 }), aListing(name, { roomId: "same" })];
    const answers = await Promise.all([directory.insert(one), directory.insert(other)]);
    expect(answers).toEqual([true, false]);
    expect((await directory.findOne({ roomId: "same" })).clients).toBe(1);
    await directory.remove("same");
  });
}

function testQueries(title: string, directory: Directory): void {
  test(`[DIRECTORY1] ${title}: a query goes by fields of the listing, then of its metadata, strictly, and sorts`, async () => {
    const name = aName(directory);
    const rooms = [3, 1, 2].map((clients) =>
      aListing(name, { clients, metadata: { lane: "a", mode: "ffa", level: 10 - clients, clients: 99 } }),
    );
    for (const room of rooms) await directory.insert(room);
    await directory.insert(aListing(aName(directory)));
    const clientsOf = async (conditions: object, sort?: object) =>
      (await directory.query({ name, ...conditions }, sort as never)).map(({ clients }) => clients);
    expect((await clientsOf({})).toSorted()).toEqual([1, 2, 3]);
    expect(await clientsOf({}, { clients: 1 })).toEqual([1, 2, 3]);
    expect(await clientsOf({}, { clients: "desc" })).toEqual([3, 2, 1]);
    expect(await clientsOf({}, { level: "ascending" })).toEqual([3, 2, 1]);
    expect(await clientsOf({}, { lane: 1, level: -1 })).toEqual([1, 2, 3]);
    expect(await clientsOf({ level: 8 })).toEqual([2]);
    expect(await clientsOf({ level: "8" })).toEqual([]);
    expect(await clientsOf({ clients: 99 })).toEqual([]);
    expect(await clientsOf({ unheard: undefined })).toEqual([]);
    expect(await clientsOf({ toString: 1 })).toEqual([]);
    expect(
      (await directory.findOne({ name, locked: false, private: false, mode: "ffa" }, { clients: -1 })).clients,
    ).toBe(3);
    expect(await directory.findOne({ name, locked: true })).toBeUndefined();
    expect(await directory.query({ roomId: rooms[0]?.roomId ?? "", locked: true })).toEqual([]);
    const others = aName(directory);
    expect(await directory.query({ name: others })).toEqual([]);
  });

  test(`[DIRECTORY1] ${title}: an update changes the room's own object and what others read`, async () => {
    const room = aListing(aName(directory));
    await directory.insert(room);
    const write = directory.update(room, { $inc: { clients: 2 }, $set: { locked: true } });
    expect([room.clients, room.locked]).toEqual([2, true]);
    expect(await write).toBe(true);
    await directory.update(room, { $inc: { clients: -1 } });
    room.metadata = { lane: "b" };
    await directory.persist(room);
    expect(await directory.findOne({ roomId: room.roomId })).toEqual(room);
    expect([room.clients, room.locked]).toEqual([1, true]);
  });

  test(`[DIRECTORY1] ${title}: what the engine does beside a room's life does no harm`, async () => {
    const room = aListing(aName(directory), { processId: "pid-1" });
    const unborn = { ...room, roomId: undefined as unknown as string };
    // `lock` in onCreate, a creation that failed, and a seat that lapses after the room is gone.
    await directory.update(unborn, { $set: { locked: true } });
    expect(unborn.locked).toBe(true);
    expect(await directory.remove(unborn.roomId)).toBe(false);
    expect(await directory.persist(unborn)).toBe(false);
    await directory.insert(room);
    await directory.remove(room.roomId);
    await directory.update(room, { $inc: { clients: -1 } });
    expect(await directory.has(room.roomId)).toBe(false);
    const others = aListing(aName(directory), { processId: "pid-1" });
    await directory.insert(others);
    await directory.cleanup?.("somebody-else");
    expect(await directory.has(others.roomId)).toBe(true);
    await directory.cleanup?.("pid-1");
    expect(await directory.has(others.roomId)).toBe(false);
  });
}

function testFinding(title: string, directory: Directory): void {
  test(`[DIRECTORY2] ${title}: a seat is found by all filters in rooms that are open, and by nothing else`, async () => {
    const name = aName(directory);
    const metadatas = [
      { lane: "a", mode: "duel" },
      { lane: "b", mode: "ffa" },
      { lane: "a" },
      { lane: ["a"], mode: "ffa" },
      { lane: 'a",null,"ffa', mode: "ffa" },
    ];
    for (const metadata of metadatas) await directory.insert(aListing(name, { metadata: metadata as never }));
    const hidden = aListing(name, { private: true });
    const locked = aListing(name, { locked: true });
    const full = aListing(name, { clients: 4 });
    for (const room of [hidden, locked, full]) await directory.insert(room);
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await directory.update(locked, { $set: { locked: false } });
    expect(await takenFrom(directory, aWish(name))).toBe(locked.roomId);
    await directory.update(locked, { $set: { private: true } });
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await directory.update(full, { $inc: { clients: -1 } });
    expect(await takenFrom(directory, aWish(name))).toBe(full.roomId);
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await directory.remove(full.roomId);
    const numbers = aName(directory);
    await directory.insert(aListing(numbers, { metadata: { lane: 1, mode: null } as never }));
    expect(await takenFrom(directory, aWish(numbers, { filters: { lane: "1", mode: null } }))).toBe("none");
    expect(await takenFrom(directory, aWish(numbers, { filters: { lane: 1, mode: null } }))).not.toBe("none");
  });

  test(`[DIRECTORY2] ${title}: the fullest, the newest or the oldest room, and the strictest filters first`, async () => {
    const name = aName(directory, [["mode"]]);
    const rooms = [1, 3, 2].map((clients) => aListing(name, { clients, maxClients: 9 }));
    for (const room of rooms) await directory.insert(room);
    const ids = rooms.map(({ roomId }) => roomId);
    expect(await takenFrom(directory, aWish(name))).toBe(ids[1]);
    expect(await takenFrom(directory, aWish(name, { order: "newest" }))).toBe(ids[2]);
    expect(await takenFrom(directory, aWish(name, { order: "oldest" }))).toBe(ids[0]);
    const other = aListing(name, { metadata: { lane: "a", mode: "duel" }, clients: 8, maxClients: 9 });
    await directory.insert(other);
    const without = [["mode"]];
    expect(await takenFrom(directory, aWish(name, { without }))).toBe(ids[1]);
    const far = { filters: { lane: "a", mode: "race" } };
    expect(await takenFrom(directory, aWish(name, far))).toBe("none");
    expect(await takenFrom(directory, aWish(name, { ...far, without }))).toBe(other.roomId);
  });

  test(`[DIRECTORY2] ${title}: numbers are found from the least to the most`, async () => {
    const name = aName(directory);
    const rooms = [5, 10, 11, 20].map((level, index) =>
      aListing(name, { clients: index * 2, maxClients: 9, metadata: { lane: "a", mode: "ffa", level } as never }),
    );
    for (const room of rooms) await directory.insert(room);
    const at = (least: number, most: number, order?: "fullest" | "oldest") =>
      takenFrom(directory, aWish(name, { ranges: { level: [least, most] }, ...(order !== undefined && { order }) }));
    expect(await at(6, 9)).toBe("none");
    expect(await at(10, 10)).toBe(rooms[1]?.roomId);
    expect(await at(5, 11)).toBe(rooms[2]?.roomId);
    expect(await at(5, 11, "oldest")).toBe(rooms[0]?.roomId);
    expect(await at(12, Number.MAX_SAFE_INTEGER)).toBe(rooms[3]?.roomId);
  });
}

function testClaims(title: string, directory: Directory): void {
  test(`[DIRECTORY3] ${title}: I5: a claim counts like a player until the owner's own count has it`, async () => {
    const name = aName(directory);
    const room = aListing(name, { maxClients: 2 });
    await directory.insert(room);
    const claim = aClaim();
    expect(await takenFrom(directory, aWish(name), claim)).toBe(room.roomId);
    expect(await takenFrom(directory, aWish(name))).toBe(room.roomId);
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    // One seat is settled: counted once, not twice, so that a third place is one more and not two.
    await directory.settle({ roomId: room.roomId, claim }, () => directory.update(room, { $inc: { clients: 1 } }));
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await directory.update(room, { $set: { maxClients: 3 } });
    expect(await takenFrom(directory, aWish(name))).toBe(room.roomId);
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await directory.giveBack({ roomId: room.roomId, claim });
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await directory.update(room, { $inc: { clients: -1 } });
    expect(await takenFrom(directory, aWish(name))).toBe(room.roomId);
    await directory.update(room, { $set: { locked: true } });
    // And one that comes to nothing is there again at once.
    const [late, again] = [aListing(name, { maxClients: 1 }), aClaim()];
    await directory.insert(late);
    expect(await takenFrom(directory, aWish(name), again)).toBe(late.roomId);
    await directory.giveBack({ roomId: late.roomId, claim: again });
    expect(await takenFrom(directory, aWish(name))).toBe(late.roomId);
  });

  test(`[DIRECTORY3] ${title}: of many who come at once for few seats, each seat goes to one`, async () => {
    const name = aName(directory);
    for (let count = 0; count < 3; count++) await directory.insert(aListing(name));
    const found = await Promise.all(Array.from({ length: 30 }, () => takenFrom(directory, aWish(name))));
    const seats = new Map<string, number>();
    for (const roomId of found) seats.set(roomId, (seats.get(roomId) ?? 0) + 1);
    expect([...seats.values()].toSorted()).toEqual([18, 4, 4, 4]);
    expect(seats.get("none")).toBe(18);
  });

  test(`[DIRECTORY3] ${title}: a room is also taken by its id, private ones too`, async () => {
    const room = aListing(aName(directory), { private: true, maxClients: 1 });
    await directory.insert(room);
    const { roomId } = room;
    const ask = async () => (await directory.takeIn({ roomId, claim: aClaim() })).state;
    expect((await directory.takeIn({ roomId: "nobody", claim: aClaim() })).state).toBe("absent");
    await directory.update(room, { $set: { locked: true } });
    expect(await ask()).toBe("locked");
    await directory.update(room, { $set: { locked: false } });
    expect(await directory.takeIn({ roomId, claim: aClaim() })).toEqual({ state: "found", listing: room });
    expect(await ask()).toBe("full");
  });
}

function testPlans(title: string, directory: Directory): void {
  test(`[DIRECTORY4] ${title}: forty who come at once wait for ten rooms, and no more are made`, async () => {
    const name = aName(directory);
    let made = 0;
    const seats = new Map<string, number>();
    const come = async () => {
      const claim = aClaim();
      const plan = aPlan();
      const taken = await directory.take(aWish(name), { claim, plan });
      const room = taken.state === "found" ? taken.listing : aListing(name, { roomId: plan.roomId });
      if (taken.state === "planned") {
        made += 1;
        await new Promise((resolve) => setTimeout(resolve, 100));
        await directory.insert(room);
      }
      seats.set(room.roomId, (seats.get(room.roomId) ?? 0) + 1);
    };
    await Promise.all(Array.from({ length: 40 }, come));
    expect([made, [...seats.values()]]).toEqual([10, Array(10).fill(4)]);
    expect(await takenFrom(directory, aWish(name))).toBe("none");
  });

  test(`[DIRECTORY4] ${title}: a room that cannot be made is planned anew by one of those who waited`, async () => {
    const name = aName(directory);
    const first = aPlan();
    expect((await directory.take(aWish(name), { claim: aClaim(), plan: first })).state).toBe("planned");
    const plans = [aPlan(), aPlan()];
    const waiting = plans.map((plan) => directory.take(aWish(name), { claim: aClaim(), plan }));
    await directory.failed(first.roomId);
    const next = await Promise.race(waiting.map(async (taken, index) => ({ index, ...(await taken) })));
    expect(next.state).toBe("planned");
    const made = aListing(name, { roomId: plans[next.index]?.roomId ?? "" });
    await directory.insert(made);
    expect((await Promise.all(waiting)).map(({ state }) => state).toSorted()).toEqual(["found", "planned"]);
    expect(await directory.insert({ ...made })).toBe(false);
  });

  test(`[DIRECTORY4] ${title}: a room that turns out private or locked is not for those who waited`, async () => {
    const name = aName(directory);
    const plan = aPlan();
    await directory.take(aWish(name), { claim: aClaim(), plan });
    const other = directory.take(aWish(name), { claim: aClaim(), plan: aPlan() });
    await directory.insert(aListing(name, { roomId: plan.roomId, private: true }));
    expect((await other).state).toBe("planned");
  });
}
