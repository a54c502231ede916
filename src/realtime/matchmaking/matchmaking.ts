import { z } from "zod";
import type { AccountId } from "../../../schema/ids.ts";
import { JOIN_WAIT_SECONDS_MAX } from "../../../schema/protocol.ts";
import type { Listing, RoomIndex, RoomOrder, Wanted } from "../../cluster/directory/directory.ts";
import { invariant } from "../../platform/errors.ts";
import type { ServiceName, Services } from "../../services/services.ts";
import { checkFilters, type Filters, TEXT_CHARS_MAX } from "./filters.ts";

/** Who makes a room come into being: anyone, no guest, or only the game itself. */
export type CreatePolicy = "players" | "registered" | "nobody";

export type FilterValue = string | number | boolean;
export type FilterValues = Readonly<Record<string, FilterValue>>;

/** What the server knows of whoever asks for a seat. */
export interface Asking {
  readonly accountId: AccountId;
  readonly kind: "guest" | "registered";
  readonly region: string;
  readonly services: Pick<Services, ServiceName>;
}

/** A value by which rooms are found and which no player may choose. `server-filters.ts` has those of the framework. */
export type ServerFilter = (asking: Asking) => FilterValue | Promise<FilterValue>;

/** What somebody who still has no seat puts up with after a while. It adds to what stands before it. */
export interface Wider {
  /** From the first try on. The last one says how long a join may wait at most: 15 at the most. */
  readonly afterSeconds: number;
  /** Ranges that are wider from now on. */
  readonly near?: Readonly<Record<string, number>>;
  /** Filters that no longer count. */
  readonly without?: readonly string[];
}

/** How players find a room of a name, as its line in the table of rooms says it. */
export interface Matchmaking {
  /** What a player may choose: an enum, a range of whole numbers or a short text each, every one with a default. */
  readonly filters: (region: string) => Filters;
  /** What the server says of whoever asks. A player who sends one of these is refused. */
  readonly server?: Readonly<Record<string, ServerFilter>>;
  /** Of these filters, which are numbers, a room's value may differ by so much from the player's. The others are equal. */
  readonly near?: Readonly<Record<string, number>>;
  /** Which of the rooms that fit; by default the fullest. */
  readonly order?: RoomOrder;
  /** In the order of their seconds. Who finds a room only by these waits for a better one first. */
  readonly wider?: readonly Wider[];
  /** Whose join makes a room when there is none to join; by default any player's. */
  readonly create?: CreatePolicy;
  /** Who may make a private room, which is entered by its code alone; by default nobody. */
  readonly invite?: CreatePolicy;
  /** What a list of rooms tells of each: fields of its metadata, filters or whatever the room sets. Without it there is no list. */
  readonly lobby?: readonly string[];
}

/** How picky somebody is from `afterMs` on. */
export interface Stage {
  readonly afterMs: number;
  readonly near: Readonly<Record<string, number>>;
  /** Sets of filters that need not be equal, the smallest first. */
  readonly without: readonly (readonly string[])[];
}

/** A room's name as the matchmaker knows it. */
export interface RoomKind {
  readonly name: string;
  readonly filters: Filters;
  readonly server: Readonly<Record<string, ServerFilter>>;
  /** All filters of both kinds. */
  readonly names: readonly string[];
  readonly order: RoomOrder;
  /** The pickiest first. */
  readonly stages: readonly [Stage, ...Stage[]];
  readonly create: CreatePolicy;
  readonly invite: CreatePolicy;
  /** Null where rooms of this name are not listed. */
  readonly lobby: readonly string[] | null;
  /** How many players a room of this name takes, as far as its class says. */
  readonly seats: number;
}

const LOBBY_FIELDS_MAX = 16;

/** Reads a line of the table of rooms. Throws where it says what cannot be: the process does not start with it. */
export function kindOf(
  name: string,
  declared: Matchmaking,
  { region, seats }: { region: string; seats: number },
): RoomKind {
  const { server = {}, near = {}, wider = [], order = "fullest" } = declared;
  const filters = checkFilters(name, declared.filters(region), Object.keys(server));
  const names = [...Object.keys(filters.shape), ...Object.keys(server)];
  const problems = problemsOf({ names, near, wider, lobby: declared.lobby ?? [], filters });
  if (problems.length > 0) throw new Error(`The matchmaking of the room "${name}": ${problems.join("; ")}.`);
  const { create = "players", invite = "nobody", lobby = null } = declared;
  return { name, filters, server, names, order, stages: stagesOf(near, wider), create, invite, lobby, seats };
}

interface Declared extends Required<Pick<Matchmaking, "near" | "wider">> {
  readonly names: readonly string[];
  readonly lobby: readonly string[];
  readonly filters: Filters;
}

function problemsOf({ names, near, wider, lobby, filters }: Declared): string[] {
  const { properties = {} } = z.toJSONSchema(filters, { io: "input" });
  const isOther = (name: string) => ((properties[name] ?? { type: "integer" }) as { type?: string }).type !== "integer";
  const widths = [near, ...wider.map((step) => step.near ?? {})].flatMap(Object.entries<number>);
  const named = [...widths.map(([name]) => name), ...wider.flatMap(({ without = [] }) => without)];
  const seconds = [0, ...wider.map(({ afterSeconds }) => afterSeconds)];
  const isRising = seconds.every((each, index) => index === 0 || each > (seconds[index - 1] ?? 0));
  return [
    ...named.filter((name) => !names.includes(name)).map((name) => `${name} is not one of its filters`),
    ...widths.filter(([name]) => !(name in near)).map(([name]) => `${name} is widened, and is not in near`),
    ...widths.filter(([name]) => isOther(name)).map(([name]) => `${name} is in near and has to be a whole number`),
    ...widths.filter(([, width]) => !(width >= 0 && width < Infinity)).map(([name]) => `${name} needs a width`),
    ...(isRising ? [] : ["the seconds of wider have to rise"]),
    ...((seconds.at(-1) ?? 0) > JOIN_WAIT_SECONDS_MAX
      ? [`nobody waits longer than ${JOIN_WAIT_SECONDS_MAX} seconds`]
      : []),
    ...(lobby.length > LOBBY_FIELDS_MAX ? [`a lobby shows at most ${LOBBY_FIELDS_MAX} fields`] : []),
  ];
}

function stagesOf(near: Readonly<Record<string, number>>, wider: readonly Wider[]): [Stage, ...Stage[]] {
  const stages: [Stage, ...Stage[]] = [{ afterMs: 0, near, without: [] }];
  let last = stages[0];
  let left: readonly string[] = [];
  for (const step of wider) {
    left = [...new Set([...left, ...(step.without ?? [])])];
    const widths = Object.entries({ ...last.near, ...step.near }).filter(([name]) => !left.includes(name));
    const equal = left.filter((name) => !(name in near)).toSorted();
    const isMore = equal.length > (last.without.at(-1)?.length ?? 0);
    const without = isMore ? [...last.without, equal] : last.without;
    last = { afterMs: step.afterSeconds * 1000, near: Object.fromEntries(widths), without };
    stages.push(last);
  }
  return stages;
}

/** The stage that counts after so long. */
export function stageAfter({ stages }: RoomKind, elapsedMs: number): Stage {
  return stages.findLast(({ afterMs }) => afterMs <= elapsedMs) ?? stages[0];
}

export function widest({ stages }: RoomKind): Stage {
  return stages.at(-1) ?? stages[0];
}

/** By what the directory finds rooms of this name. */
export function indexOf(kind: RoomKind): RoomIndex {
  const ranges = Object.keys(kind.stages[0].near);
  return { filters: kind.names.filter((name) => !ranges.includes(name)), ranges, wider: widest(kind).without };
}

/** What somebody with these values looks for at this stage. */
export function wantedAt(kind: RoomKind, { near, without }: Stage, values: FilterValues): Wanted {
  const { filters: names } = indexOf(kind);
  const ranges = Object.entries(near).map(([name, width]) => [name, aroundOf(values[name], width)] as const);
  return {
    name: kind.name,
    filters: Object.fromEntries(names.map((name) => [name, values[name]])),
    ranges: Object.fromEntries(ranges),
    without,
    order: kind.order,
  };
}

function aroundOf(value: unknown, width: number): readonly [number, number] {
  return [Number(value) - width, Number(value) + width];
}

/** Whether the room is one that is wanted: what was found by a wider wish may be. */
export function isWanted(
  { metadata }: Pick<Listing, "metadata">,
  { filters, ranges = {}, without = [] }: Wanted,
): boolean {
  const data = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const left = without.at(-1) ?? [];
  return (
    Object.entries(filters).every(([name, value]) => left.includes(name) || data[name] === value) &&
    Object.entries(ranges).every(([name, [least, most]]) => Number(data[name]) >= least && Number(data[name]) <= most)
  );
}

/** What the server says of whoever asks. */
export async function serverValues({ name, server, stages }: RoomKind, asking: Asking): Promise<FilterValues> {
  const told = Object.entries(server).map(async ([filter, say]) => {
    const value = await say(asking);
    const isFit = filter in stages[0].near ? Number.isFinite(value) : isBounded(value);
    invariant(isFit, `the filter ${filter} of ${name} is a number, a truth value or a short text`);
    return [filter, value] as const;
  });
  return Object.fromEntries(await Promise.all(told));
}

function isBounded(value: unknown): boolean {
  if (typeof value === "string") return value.length <= TEXT_CHARS_MAX;
  return typeof value === "boolean" || Number.isFinite(value);
}
