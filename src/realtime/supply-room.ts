import type { Listing } from "../cluster/directory/directory.ts";
import { AppError } from "../platform/errors.ts";
import type { ServiceName, Services } from "../services/services.ts";
import { SEAT_SECONDS } from "./door/seat-quota.ts";
import { preparePlugins } from "./guard/plugins.ts";
import { type Invitation, makePrivate } from "./matchmaking/invitations.ts";
import type { RoomSupplies } from "./room-supplies.ts";

/** A concrete GameRoom class, whatever its world and input. */
export interface RoomClass {
  new (): { readonly tickHz: number; readonly patchEvery: number };
  readonly needs: readonly ServiceName[];
}

/** What a supplied room overrides of the engine's. */
interface EngineParts {
  readonly _listing: Listing;
  onCreate(options: object): unknown;
  setMetadata(metadata: object, ...rest: unknown[]): Promise<void>;
}

/** How many players a room of this class takes, as far as the class says. */
export function seatsOf(suppliedClass: RoomClass): number {
  const { maxClients } = new suppliedClass() as { readonly maxClients?: number };
  return maxClients ?? Number.POSITIVE_INFINITY;
}

/**
 * A subclass of the game's room that holds what the server gives it: supplies, and of the services exactly those that
 * the class names in `needs`. The game's own class stays untouched, so that two apps may supply it differently.
 */
export function supplyRoom(roomClass: RoomClass, supplies: RoomSupplies, services: Services): RoomClass {
  const Supplied = class extends (roomClass as unknown as new () => EngineParts) {
    /** The engine's own doors to a room, which check no ticket and no quota. Ours is the matchmaker's. */
    static async onAuth(): Promise<never> {
      throw new AppError("ROOM_METHOD_REFUSED");
    }

    readonly seatReservationTimeout = SEAT_SECONDS;

    #foundBy: object = {};

    /** What a client has chosen has no keys but its own: `options.isAdmin` is not to be found in some prototype. */
    override onCreate({ invitation, ...options }: object & { invitation?: Invitation }): unknown {
      this.#foundBy = options;
      if (invitation !== undefined) makePrivate(this._listing, invitation);
      return super.onCreate(Object.assign(Object.create(null), options));
    }

    /** The engine's own replaces all of it, and the room would be found no more. What is given here goes before. */
    override setMetadata(metadata: object, ...rest: unknown[]): Promise<void> {
      return super.setMetadata({ ...this.#foundBy, ...metadata }, ...rest);
    }
  };
  const given = Object.fromEntries(roomClass.needs.map((name) => [name, services[name]]));
  Object.defineProperties(Supplied.prototype, { supplies: { value: supplies }, services: { value: given } });
  preparePlugins(Supplied as never);
  return Supplied as unknown as RoomClass;
}
