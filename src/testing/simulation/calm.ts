import type { Listing } from "../../cluster/directory/directory.ts";
import type { World } from "./simulation.ts";
import { isWanted, type Wish, widened } from "./wishes.ts";

const ASK_MS = 5000;
/** A lobby tells what has changed a moment later. */
const LOBBY_MS = 500;
const OFFERS_MAX = 500;
const QUIET_TRIES_MAX = 30;

/**
 * What is not over when nothing changes any more is wrong. A seat that lapses meanwhile changes something: then it is looked
 * at once more.
 */
export async function whenQuiet(world: World, check: (world: World) => Promise<void>): Promise<void> {
  const { violations } = world.referee;
  const before = violations.length;
  for (let tries = 0; tries < QUIET_TRIES_MAX; tries++) {
    violations.length = before;
    const rooms = textOfAll(world);
    await world.timeline.runFor(LOBBY_MS);
    if (textOfAll(world) !== rooms) continue;
    await check(world);
    if (textOfAll(world) === rooms) return;
  }
  world.referee.violate("it is never quiet");
}

/** I6: every process lists every room there is, as it is, once, and nothing else; so do the lobbies. I4 on the way. */
export async function checkCalm(world: World): Promise<void> {
  const { timeline, referee } = world;
  const rooms = referee.checkRooms();
  for (const process of world.up()) {
    const listed = await timeline.runUntil(Promise.resolve(process.directory.query({})), ASK_MS);
    const seen = new Set<string>();
    for (const listing of listed) {
      const { roomId } = listing;
      if (seen.has(roomId)) referee.violate(`I6: ${process.id} lists ${roomId} twice`);
      seen.add(roomId);
      const real = rooms.get(roomId);
      if (real === undefined) referee.violate(`I6: ${process.id} lists ${roomId}, which is not there`);
      else if (textOf(real) !== textOf(listing)) {
        referee.violate(`I6: ${process.id} lists ${textOf(listing)} for ${textOf(real)}`);
      }
    }
    // Also by its id nobody finds what is not there.
    const byId = await timeline.runUntil(process.directory.findByIds([...referee.roomIds]), ASK_MS);
    for (const roomId of byId.keys()) {
      if (!rooms.has(roomId)) referee.violate(`I6: ${process.id} finds ${roomId} by its id, which is not there`);
    }
    const shown = new Set([...(world.lobbies.get(process)?.values() ?? [])].flatMap((ids) => [...ids]));
    for (const roomId of rooms.keys()) {
      if (!seen.has(roomId)) referee.violate(`I6: ${process.id} does not list ${roomId}`);
      if (!shown.has(roomId)) referee.violate(`I6: the lobby of ${process.id} does not show ${roomId}`);
    }
    for (const roomId of shown) {
      if (!rooms.has(roomId)) referee.violate(`I6: the lobby of ${process.id} shows ${roomId}, which is not there`);
    }
  }
}

/** I5: every free seat is offered, once, and no other. */
export async function checkSeats(world: World, wishes: readonly Wish[]): Promise<void> {
  const { timeline, referee } = world;
  const rooms = [...referee.checkRooms().values()];
  for (const wish of wishes) {
    const { directory, id } = world.pick(world.up());
    const claims: { roomId: string; claim: string }[] = [];
    const offered = new Map<string, number>();
    for (let count = 0; count < OFFERS_MAX; count++) {
      const claim = `check-${wish.name}-${count}`;
      const taken = await timeline.runUntil(directory.take(widened(wish), { claim }), ASK_MS * 3);
      if (taken.state !== "found") break;
      const { roomId } = taken.listing;
      claims.push({ roomId, claim });
      offered.set(roomId, (offered.get(roomId) ?? 0) + 1);
    }
    for (const { roomId, free } of rooms.filter((room) => isWanted(room, wish)).map(freeOf)) {
      const found = offered.get(roomId) ?? 0;
      if (found !== free) referee.violate(`I5: of ${free} free seats of ${roomId} ${id} is offered ${found}`);
      offered.delete(roomId);
    }
    for (const roomId of offered.keys()) referee.violate(`I6: ${id} is offered ${roomId}, which is not there`);
    for (const claim of claims) await timeline.runUntil(directory.giveBack(claim), ASK_MS);
  }
}

/** Everybody has left: Redis keeps nothing of it, and after the last process has gone, of the processes neither. */
export async function checkEmpty(world: World, prefix: string): Promise<void> {
  const { timeline, referee, server } = world;
  for (const roomId of referee.checkRooms().keys()) referee.violate(`I5: ${roomId} has not ended`);
  for (const { directory } of world.up()) await timeline.runUntil(directory.shutdown() as Promise<void>, ASK_MS);
  // Versions are as many as names of rooms, and fences end by themselves.
  const left = server.store
    .keys(prefix)
    .filter((key) => !key.startsWith(`${prefix}versions`) && !key.startsWith(`${prefix}fence:`));
  if (left.length > 0) referee.violate(`S23: keys are left behind: ${left.join(", ")}`);
}

/** What of a listing changes. */
function textOf({ roomId, processId, clients, locked }: Listing): string {
  return JSON.stringify({ roomId, processId, clients, locked });
}

function textOfAll(world: World): string {
  return JSON.stringify(world.up().flatMap(({ rooms }) => [...rooms.values()].map(({ listing }) => textOf(listing))));
}

function freeOf({ roomId, locked, clients, maxClients }: Listing): { roomId: string; free: number } {
  return { roomId, free: locked ? 0 : maxClients - clients };
}
