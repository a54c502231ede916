import { z } from "zod";

/** The filters of a room by their names, each with its default. A room listing is found by all of them, never by "any". */
export type Filters = z.ZodObject<z.ZodRawShape>;

/** More would not be a filter but a name, and every value may become a room of its own. */
export const TEXT_CHARS_MAX = 64;
const NUMBERS_MAX = 10_000;

/** What a listing says of itself, and what a private room is asked for by: a filter of that name would be taken for it. */
const TAKEN_NAMES = new Set([
  "clients",
  "code",
  "constructor",
  "createdAt",
  "invitation",
  "locked",
  "maxClients",
  "metadata",
  "name",
  "password",
  "private",
  "processId",
  "prototype",
  "publicAddress",
  "roomId",
  "unlisted",
  "__proto__",
]);

/** A filter as JSON Schema describes it; only these parts say how many values there are. */
interface ValueSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly ValueSchema[];
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Refuses filters by which a client could ask for more than the game has in mind. The process does not start with them. */
export function checkFilters(roomName: string, filters: Filters, servers: readonly string[] = []): Filters {
  const problems: string[] = [];
  const { additionalProperties, properties = {} } = z.toJSONSchema(filters, { io: "input" });
  if (additionalProperties !== false) problems.push("declare them with z.strictObject");
  for (const [name, value] of Object.entries(properties)) {
    if (servers.includes(name)) problems.push(`${name} is the server's to say; a player may not choose it, too`);
    else if (TAKEN_NAMES.has(name)) problems.push(`${name} is a word of the engine's own; choose another`);
    else if (!isBounded(value as ValueSchema))
      problems.push(`${name} needs an enum, a range or a length of at most 64`);
  }
  for (const name of servers)
    if (TAKEN_NAMES.has(name)) problems.push(`${name} is a word of the engine's own; choose another`);
  if (!filters.safeParse({}).success) problems.push("give every filter a default");
  if (problems.length > 0) throw new Error(`The filters of the room "${roomName}": ${problems.join("; ")}.`);
  return filters;
}

function isBounded(value: ValueSchema): boolean {
  if (value.enum !== undefined || value.const !== undefined || /^(boolean|null)$/.test(value.type ?? "")) return true;
  if (value.anyOf !== undefined) return value.anyOf.every(isBounded);
  if (value.type === "string") return (value.maxLength ?? Number.POSITIVE_INFINITY) <= TEXT_CHARS_MAX;
  if (value.type !== "integer") return false;
  return (value.maximum ?? Number.POSITIVE_INFINITY) - (value.minimum ?? Number.NEGATIVE_INFINITY) < NUMBERS_MAX;
}
