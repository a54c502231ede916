import type { AccountId } from "../../../schema/ids.ts";
import type { Redis } from "../../platform/redis.ts";
import type { Standing, Table } from "./ranking.ts";

/**
 * How a table lies in Redis. `order` is an ordered set: the score turned round, and of equal scores the members in the
 * order of their texts, which are the time and then the account. `places` is a hash: for each account its time and the
 * position of the snapshot in which it was read, so that what was read earlier never replaces what was read later. Each
 * script is atomic: nobody sees one without the other.
 */
export interface RankingKeys {
  readonly order: string;
  readonly places: string;
  /** The same two while they are being filled, and the token of whoever fills them. */
  readonly newOrder: string;
  readonly newPlaces: string;
  readonly builder: string;
}

/** What Postgres told of an account, at a moment of its history. */
export interface Told {
  readonly accountId: AccountId;
  /** Null for one that is not in the table, or not any more. */
  readonly score: number | null;
  readonly reachedAt: Date | null;
}

export function rankingKeys(redis: Pick<Redis, "key">, { board, period }: Table): RankingKeys {
  const key = (name: string) => redis.key("leaderboards", board, period, name);
  return {
    order: key("order"),
    places: key("places"),
    newOrder: key("new-order"),
    newPlaces: key("new-places"),
    builder: key("builder"),
  };
}

/** So many hexadecimal digits hold the milliseconds from the year -261 to 6689. */
const TIME_CHARS = 12;
const TIME_OFFSET = 2 ** 46;

/** In the order of texts as in time. */
export function timeText(at: Date): string {
  return (at.getTime() + TIME_OFFSET).toString(16).padStart(TIME_CHARS, "0");
}

export function toldArguments({ accountId, score, reachedAt }: Told): string[] {
  return score === null || reachedAt === null ? [accountId, "", ""] : [accountId, String(-score), timeText(reachedAt)];
}

/** What `AROUND` and `TOP` answer, or null where they do not know. */
export function readStandings(reply: unknown): { standings: Standing[]; leftMs: number } | null {
  if (reply === null) return null;
  const [leftMs, first, rows] = reply as [number, number, string[]];
  const standings: Standing[] = [];
  for (let index = 0; index + 1 < rows.length; index += 2) {
    const [member = "", inverse = ""] = rows.slice(index, index + 2);
    standings.push({
      accountId: member.slice(TIME_CHARS) as AccountId,
      rank: first + 1 + index / 2,
      score: 0 - Number(inverse),
      reachedAt: new Date(Number.parseInt(member.slice(0, TIME_CHARS), 16) - TIME_OFFSET),
    });
  }
  return { standings, leftMs };
}

const KNOWS = `
-- Of another run, or with a part missing, a table is not believed.
local function knows(order, places, run)
  local own = redis.call("HMGET", places, "#run", "#gone")
  return own[1] == run and redis.call("ZCARD", order) + tonumber(own[2]) + 2 == redis.call("HLEN", places)
end

local function page(order, places, first, count)
  local rows = redis.call("ZRANGE", order, first, first + count - 1, "WITHSCORES")
  return { redis.call("PTTL", places), first, rows }
end
`;

const PUT = `
local TIME, GONE = ${TIME_CHARS}, string.rep("-", ${TIME_CHARS})

-- One account as it was at a position of Postgres's history. One that is gone leaves its position behind.
local function put(order, places, position, account, inverse, time)
  local held, was = redis.call("HGET", places, account), nil
  if held then
    if tonumber(string.sub(held, TIME + 1)) > tonumber(position) then return end
    was = string.sub(held, 1, TIME)
  end
  if was and was ~= GONE and was ~= time then redis.call("ZREM", order, was .. account) end
  if inverse == "" then
    if was ~= GONE then redis.call("HINCRBY", places, "#gone", 1) end
    redis.call("HSET", places, account, GONE .. position)
  else
    if was == GONE then redis.call("HINCRBY", places, "#gone", -1) end
    redis.call("ZADD", order, inverse, time .. account)
    redis.call("HSET", places, account, time .. position)
  end
end

local function put_all(order, places, position, first)
  for i = first, #ARGV, 3 do put(order, places, position, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
end
`;

/** What has changed, to the table and to the one that is about to replace it. KEYS: all but the builder. ARGV: run, position, accounts. */
export const REFRESH = `${PUT}
for i = 1, 3, 2 do
  local order, places = KEYS[i], KEYS[i + 1]
  if redis.call("HGET", places, "#run") == ARGV[1] then
    put_all(order, places, ARGV[2], 3)
    -- What was empty until now begins without an end of its own.
    redis.call("PEXPIRE", order, redis.call("PTTL", places))
  end
end
return true
`;

/** KEYS: all. ARGV: run, token, ms until the builder is given up, ms that a table has left which needs no replacing. */
export const BEGIN = `${KNOWS}
if knows(KEYS[1], KEYS[2], ARGV[1]) and redis.call("PTTL", KEYS[2]) > tonumber(ARGV[4]) then return 0 end
if not redis.call("SET", KEYS[5], ARGV[2], "NX", "PX", ARGV[3]) then return 0 end
redis.call("UNLINK", KEYS[3], KEYS[4])
redis.call("HSET", KEYS[4], "#run", ARGV[1], "#gone", 0)
redis.call("PEXPIRE", KEYS[4], ARGV[3])
return 1
`;

/** A run that is not the one in which it began has lost a part of it. KEYS: all. ARGV: run, token, ms, position, accounts. */
export const ADD = `${PUT}
if redis.call("GET", KEYS[5]) ~= ARGV[2] or redis.call("HGET", KEYS[4], "#run") ~= ARGV[1] then return 0 end
put_all(KEYS[3], KEYS[4], ARGV[4], 5)
for i = 3, 5 do redis.call("PEXPIRE", KEYS[i], ARGV[3]) end
return 1
`;

/** KEYS: all. ARGV: run, token, ms that the table is kept. */
export const FINISH = `
if redis.call("GET", KEYS[5]) ~= ARGV[2] or redis.call("HGET", KEYS[4], "#run") ~= ARGV[1] then return 0 end
redis.call("UNLINK", KEYS[1], KEYS[2], KEYS[5])
if redis.call("EXISTS", KEYS[3]) == 1 then redis.call("RENAME", KEYS[3], KEYS[1]) end
redis.call("RENAME", KEYS[4], KEYS[2])
for i = 1, 2 do redis.call("PEXPIRE", KEYS[i], ARGV[3]) end
return 1
`;

/** KEYS: order, places. ARGV: run, account, reach. */
export const AROUND = `${KNOWS}
if not knows(KEYS[1], KEYS[2], ARGV[1]) then return false end
local held = redis.call("HGET", KEYS[2], ARGV[2])
local rank = held and redis.call("ZRANK", KEYS[1], string.sub(held, 1, ${TIME_CHARS}) .. ARGV[2])
if not rank then return { redis.call("PTTL", KEYS[2]), 0, {} } end
local first = math.max(0, rank - ARGV[3])
return page(KEYS[1], KEYS[2], first, rank + ARGV[3] - first + 1)
`;

/** KEYS: order, places. ARGV: run, limit and, where the page does not begin at the top, inverse, time, skip. */
export const TOP = `${KNOWS}
if not knows(KEYS[1], KEYS[2], ARGV[1]) then return false end
if not ARGV[3] then return page(KEYS[1], KEYS[2], 0, tonumber(ARGV[2])) end
-- The first of those with this score who were not there before that time.
local low = redis.call("ZCOUNT", KEYS[1], "-inf", "(" .. ARGV[3])
local high = redis.call("ZCOUNT", KEYS[1], "-inf", ARGV[3])
while low < high do
  local middle = math.floor((low + high) / 2)
  local member = redis.call("ZRANGE", KEYS[1], middle, middle)[1]
  if string.sub(member, 1, ${TIME_CHARS}) < ARGV[4] then low = middle + 1 else high = middle end
end
return page(KEYS[1], KEYS[2], low + ARGV[5], tonumber(ARGV[2]))
`;
