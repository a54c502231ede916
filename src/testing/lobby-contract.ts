import { expect, test } from "vitest";
import type { Directory, Listing, LobbyChange } from "../cluster/directory/directory.ts";
import { until } from "./app.ts";
import { aListing, aName } from "./listings.ts";

/** A part of `testDirectory`. */
export function testLobby(title: string, directory: Directory): void {
  test(`[DIRECTORY5] ${title}: a lobby has all rooms first and then what changes, and never one that is hidden`, async () => {
    const name = aName(directory);
    const rooms = [aListing(name), aListing(name, { private: true }), aListing(name, { unlisted: true })];
    for (const room of rooms) await directory.insert(room);
    const [first, second] = rooms as [Listing, Listing, Listing];
    const seen = new Map<string, Listing>();
    const told: LobbyChange[] = [];
    const stop = directory.watch(name, (change) => {
      told.push(change);
      if (change.isWhole) seen.clear();
      for (const listing of change.changed) seen.set(listing.roomId, listing);
      for (const roomId of change.removed) seen.delete(roomId);
    });
    await until(() => told.length > 0);
    expect([...seen.keys()]).toEqual([first.roomId]);
    for (let clients = 0; clients < 3; clients++) await directory.update(first, { $inc: { clients: 1 } });
    await until(() => seen.get(first.roomId)?.clients === 3);
    expect(told.length).toBeLessThanOrEqual(3);
    await directory.update(second, { $set: { private: false } });
    await directory.remove(first.roomId);
    await until(() => seen.has(second.roomId) && !seen.has(first.roomId));
    await directory.update(second, { $set: { unlisted: true } });
    await until(() => seen.size === 0);
    expect(told.filter(({ isWhole }) => isWhole)).toHaveLength(1);
    stop();
    await directory.insert(aListing(name));
    expect(seen.size).toBe(0);
  });
}
