import { z } from "zod";
import type { Redis } from "../../platform/redis.ts";

/**
 * What the directory does in Redis, each in one step. The first and only key is the prefix of all others:
 *
 * room:<id>      the room as fields; `state` is plan, live or taken (taken over, and not there yet)
 * claims:<id>    its open claims, by when they lapse         claims, plans   rooms, by when their next claim or plan lapses
 * full, age, plans:<bucket>, range:<place>                   rooms that have a seat: sorted sets, gone when they are empty
 * all, name:<name>, of:<process>, dead:<process>             rooms; those of a process that are listed, and that were
 * leases         processes, by when their lease lapses       alive:<process>, made, lobby:<name>   channels
 * versions       of the lobbies, by name                     fence:<id>   the last epoch of a room that was taken over and has ended
 */
export interface DirectoryScripts {
  readonly write: Script;
  readonly take: Script;
  readonly takeIn: Script;
  readonly giveBack: Script;
  readonly failed: Script;
  readonly plan: Script;
  readonly remove: Script;
  readonly rows: Script;
  readonly adopt: Script;
  readonly renew: Script;
  readonly leave: Script;
}

type Script = (args: readonly (string | number)[]) => Promise<unknown>;

/** What scripts answer: a number for each room, an epoch and a room or nothing, and ids. */
export const answersSchema = z.array(z.number());
export const adoptedSchema = z.union([z.tuple([z.number(), z.string()]), z.tuple([])]);
export const idsSchema = z.array(z.string());

/** How many entries of the dead one call passes over, and how much it clears away. */
const PASSED_MAX = 500;
const CLEARED_MAX = 50;
/** Rooms of a process that is dead, with each renewal of another's lease. */
const SWEPT_MAX = 200;
/** An owner that was taken for dead may come back so much later, and its room has ended elsewhere by then. */
const FENCE_MS = 600_000;
const CANDIDATES_MAX = 64;
/** Without a range the first that lives is taken. */
const FIRST_MAX = 8;
/** Rooms of processes that say nothing, after which a further one is made instead. */
const QUIET_MAX = 64;

export function loadScripts(redis: Redis, prefix: string): DirectoryScripts {
  const load = (body: string): Script => {
    const script = redis.script(PRELUDE + body);
    return (args) => script([prefix], args);
  };
  return {
    write: load(WRITE),
    take: load(TAKE),
    takeIn: load(TAKE_IN),
    giveBack: load(GIVE_BACK),
    failed: load(FAILED),
    plan: load(PLAN),
    remove: load(REMOVE),
    rows: load(ROWS),
    adopt: load(ADOPT),
    renew: load(RENEW),
    leave: load(LEAVE),
  };
}

/** The time by which all processes go. */
export const NOW = `
local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Whether a process is neither gone nor silent: for whatever ends with its process. Needs `P`, the directory's prefix, and `NOW`. */
export const IS_ALIVE = `
local known = {}
local function isAlive(pid)
  if known[pid] == nil then
    local lease = redis.call('ZSCORE', P .. 'leases', pid)
    known[pid] = lease ~= false and tonumber(lease) > NOW
      and redis.call('PUBSUB', 'NUMSUB', P .. 'alive:' .. pid)[2] > 0
  end
  return known[pid]
end
`;

const PRELUDE = `
local P = KEYS[1]
${NOW}
${IS_ALIVE}

local function claimsOf(id)
  return redis.call('ZCARD', P .. 'claims:' .. id)
end

local function takeOut(id, entries)
  for _, bucket in ipairs(entries.buckets) do
    redis.call('ZREM', P .. 'full:' .. bucket, id)
    redis.call('ZREM', P .. 'age:' .. bucket, id)
    redis.call('ZREM', P .. 'plans:' .. bucket, id)
  end
  for _, range in ipairs(entries.ranges) do redis.call('ZREM', P .. 'range:' .. range[1], id) end
end

local function place(id)
  local h = redis.call('HMGET', P .. 'room:' .. id, 'state', 'clients', 'max', 'open', 'made', 'entries')
  if not h[1] then return end
  local entries = cjson.decode(h[6])
  local used, max = tonumber(h[2]) + claimsOf(id), tonumber(h[3])
  if h[4] ~= '1' or h[1] == 'taken' or (max >= 0 and used >= max) then
    takeOut(id, entries)
    return
  end
  for _, bucket in ipairs(entries.buckets) do
    if h[1] == 'plan' then
      redis.call('ZADD', P .. 'plans:' .. bucket, h[5], id)
    else
      redis.call('ZADD', P .. 'full:' .. bucket, used, id)
      redis.call('ZADD', P .. 'age:' .. bucket, h[5], id)
    end
  end
  if h[1] == 'live' then
    for _, range in ipairs(entries.ranges) do redis.call('ZADD', P .. 'range:' .. range[1], range[2], id) end
  end
end

local function nextLapse(id)
  local first = redis.call('ZRANGE', P .. 'claims:' .. id, 0, 0, 'WITHSCORES')
  if first[1] then redis.call('ZADD', P .. 'claims', first[2], id) else redis.call('ZREM', P .. 'claims', id) end
end

local function endClaim(id, claim)
  if redis.call('ZREM', P .. 'claims:' .. id, claim) == 1 then nextLapse(id) end
end

local function hold(id, claim, ms)
  redis.call('ZADD', P .. 'claims:' .. id, NOW + ms, claim)
  nextLapse(id)
  place(id)
end

local function tell(name, id, row)
  local key = P .. 'versions'
  if redis.call('HEXISTS', key, name) == 0 then redis.call('HSET', key, name, string.format('%.0f', NOW * 1000)) end
  local version = string.format('%.0f', redis.call('HINCRBY', key, name, 1))
  redis.call('PUBLISH', P .. 'lobby:' .. name, cjson.encode({ version = version, roomId = id, row = row }))
end

-- Nobody finds or lists it any more; what it was stays.
local function unlist(id, h)
  takeOut(id, cjson.decode(h.entries))
  redis.call('SREM', P .. 'all', id)
  redis.call('SREM', P .. 'name:' .. h.name, id)
  if h.shown == '1' then tell(h.name, id, '') end
end

local function read(id)
  local names = { 'pid', 'epoch', 'seq', 'state', 'name', 'shown', 'entries', 'maker', 'row' }
  local values = redis.call('HMGET', P .. 'room:' .. id, unpack(names))
  if not values[1] then return nil end
  local h = {}
  for i, name in ipairs(names) do h[name] = values[i] end
  return h
end

local function drop(id, h)
  unlist(id, h)
  if tonumber(h.epoch) > 1 then redis.call('SET', P .. 'fence:' .. id, h.epoch, 'PX', ${FENCE_MS}) end
  redis.call('DEL', P .. 'room:' .. id, P .. 'claims:' .. id)
  redis.call('ZREM', P .. 'claims', id)
  redis.call('SREM', P .. 'of:' .. h.pid, id)
  redis.call('SREM', P .. 'dead:' .. h.pid, id)
  if redis.call('ZREM', P .. 'plans', id) == 1 then redis.call('PUBLISH', P .. 'made', id) end
end

-- What is kept by its name is found and cleared away by its lease: one that has none yet is as good as lapsed.
local function enrol(pid)
  redis.call('ZADD', P .. 'leases', 'NX', NOW, pid)
end

-- Claims and plans that have lapsed, and rooms that have their seats back.
local function clear()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'plans', '-inf', NOW, 'LIMIT', 0, ${CLEARED_MAX})) do
    local h = read(id)
    if h and h.state == 'plan' then drop(id, h) else redis.call('ZREM', P .. 'plans', id) end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'claims', '-inf', NOW, 'LIMIT', 0, ${CLEARED_MAX})) do
    redis.call('ZREMRANGEBYSCORE', P .. 'claims:' .. id, '-inf', NOW)
    nextLapse(id)
    place(id)
  end
end
`;

/** pid, how (insert, put, or again: lobbies are told also of what has not changed), ms of a claim, then for each room: id, epoch, seq, row, fields, claim that ends. Answers 1 or, refused, 0 for each. */
const WRITE = `
local pid, how, claimMs = ARGV[1], ARGV[2], tonumber(ARGV[3])
local answers = {}
local function write(id, epoch, seq, row, fields, claim)
  local h = read(id)
  local isNew = not h or h.state ~= 'live'
  local fence = not h and redis.call('GET', P .. 'fence:' .. id)
  if fence and tonumber(fence) > epoch then return 0 end
  if h and h.state ~= 'plan' then
    local stored = tonumber(h.epoch)
    if how == 'insert' and not (h.state == 'taken' and h.pid == pid and stored == epoch) then return 0 end
    if stored > epoch or (stored == epoch and h.pid ~= pid) then return 0 end
    if stored == epoch and h.state == 'live' and tonumber(h.seq) > seq then return 1 end
  end
  if h then
    if h.entries ~= fields.entries then takeOut(id, cjson.decode(h.entries)) end
    if h.pid ~= pid then
      redis.call('SREM', P .. 'of:' .. h.pid, id)
      redis.call('SREM', P .. 'dead:' .. h.pid, id)
    end
    if h.state == 'plan' then takeOut(id, cjson.decode(h.entries)) end
  end
  redis.call('HSET', P .. 'room:' .. id, 'pid', pid, 'epoch', epoch, 'seq', seq, 'state', 'live', 'row', row,
    'name', fields.name, 'clients', fields.clients, 'max', fields.max, 'open', fields.open, 'shown', fields.shown,
    'made', fields.made, 'entries', fields.entries)
  redis.call('SREM', P .. 'dead:' .. pid, id)
  redis.call('SADD', P .. 'of:' .. pid, id)
  redis.call('SADD', P .. 'all', id)
  redis.call('SADD', P .. 'name:' .. fields.name, id)
  if claim ~= '' then endClaim(id, claim) end
  if isNew then
    for _, open in ipairs(redis.call('ZRANGE', P .. 'claims:' .. id, 0, -1)) do
      redis.call('ZADD', P .. 'claims:' .. id, NOW + claimMs, open)
    end
    nextLapse(id)
    if redis.call('ZREM', P .. 'plans', id) == 1 then redis.call('PUBLISH', P .. 'made', id) end
  end
  place(id)
  if fields.shown == '1' then
    if not h or h.shown ~= '1' or h.row ~= row or how == 'again' then tell(fields.name, id, row) end
  elseif h and h.shown == '1' then
    tell(fields.name, id, '')
  end
  return 1
end
enrol(pid)
for i = 4, #ARGV, 6 do
  answers[#answers + 1] = write(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3],
    cjson.decode(ARGV[i + 4]), ARGV[i + 5])
end
return answers
`;

/**
 * claim, ms of a claim, ms that a plan's adds, order, places, bounds of ranges, plan or nothing, ms of its lease that an owner
 * has to have left: one that has said nothing for long may be cut off, and whoever is sent there waits in vain.
 * Answers found with the row, waiting with the id, planned, none, or again where there is more to pass over.
 */
const TAKE = `
local claim, claimMs, planMs, order = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local places, bounds, spare = cjson.decode(ARGV[5]), cjson.decode(ARGV[6]), tonumber(ARGV[8])
local passed = 0
clear()

local function isHeard(pid)
  return tonumber(redis.call('ZSCORE', P .. 'leases', pid)) - NOW >= spare
end

local function fits(entries)
  local values = cjson.decode(entries).values
  for _, bound in ipairs(bounds) do
    local value = values[bound[1]]
    if not value or value < bound[2] or value > bound[3] then return false end
  end
  return true
end

-- The first that is alive and fits, or of those the best; whatever is dead leaves the set, and what is quiet is passed over.
local function choose(key, list, rank)
  local quiet = 0
  while passed < ${PASSED_MAX} do
    local ids, chosen, best, dead, before = list(quiet), nil, nil, 0, quiet
    for _, id in ipairs(ids) do
      local h = redis.call('HMGET', P .. 'room:' .. id, 'state', 'pid', 'clients', 'made', 'entries', 'maker')
      if not h[1] or not isAlive(h[2]) or (h[1] == 'plan' and not isAlive(h[6])) then
        dead = dead + 1
        redis.call('ZREM', key, id)
        local plan = h[1] == 'plan' and read(id)
        if plan then drop(id, plan) end
      elseif h[1] == 'live' and not isHeard(h[2]) then
        quiet = quiet + 1
      elseif #bounds == 0 or fits(h[5]) then
        local ranked = rank and rank(id, h) or 0
        if not chosen or ranked > best then chosen, best = id, ranked end
        if not rank then break end
      end
    end
    passed = passed + dead
    if chosen or (dead == 0 and quiet == before) or quiet >= ${QUIET_MAX} then return chosen end
  end
end

local function chooseLive(at)
  if #bounds > 0 then
    local key = P .. 'range:' .. at.range
    return choose(key, function(from)
      return redis.call('ZRANGEBYSCORE', key, bounds[1][2], bounds[1][3], 'LIMIT', from, ${CANDIDATES_MAX})
    end, function(id, h)
      if order == 'fullest' then return tonumber(h[3]) + claimsOf(id) end
      return (order == 'newest' and 1 or -1) * tonumber(h[4])
    end)
  end
  local key = P .. (order == 'fullest' and 'full:' or 'age:') .. at.bucket
  local command = order == 'oldest' and 'ZRANGE' or 'ZREVRANGE'
  return choose(key, function(from) return redis.call(command, key, from, from + ${FIRST_MAX - 1}) end)
end

for _, at in ipairs(places) do
  local id = chooseLive(at)
  if id then
    hold(id, claim, claimMs)
    return { 'found', redis.call('HGET', P .. 'room:' .. id, 'row') }
  end
  local key = P .. 'plans:' .. at.bucket
  id = choose(key, function() return redis.call('ZRANGE', key, 0, ${CANDIDATES_MAX - 1}) end)
  if id then
    hold(id, claim, claimMs + planMs)
    return { 'waiting', id }
  end
end
if passed >= ${PASSED_MAX} then return { 'again' } end
if ARGV[7] == '' then return { 'none' } end
local plan = cjson.decode(ARGV[7])
redis.call('HSET', P .. 'room:' .. plan.roomId, 'pid', plan.processId, 'maker', plan.maker, 'epoch', 0, 'seq', 0,
  'state', 'plan', 'name', plan.name, 'clients', 0, 'max', plan.seats, 'open', '1', 'shown', '0', 'made', NOW,
  'entries', plan.entries)
redis.call('ZADD', P .. 'plans', NOW + planMs, plan.roomId)
hold(plan.roomId, claim, claimMs + planMs)
return { 'planned' }
`;

/** id, claim, ms of a claim. */
const TAKE_IN = `
local id = ARGV[1]
clear()
local h = redis.call('HMGET', P .. 'room:' .. id, 'state', 'pid', 'clients', 'max', 'row')
if h[1] ~= 'live' or not isAlive(h[2]) then return { 'absent' } end
local max = tonumber(h[4])
if max >= 0 and tonumber(h[3]) + claimsOf(id) >= max then return { 'full' } end
if cjson.decode(h[5]).locked == true then return { 'locked' } end
hold(id, ARGV[2], tonumber(ARGV[3]))
return { 'found', h[5] }
`;

/** id, claim. */
const GIVE_BACK = `
endClaim(ARGV[1], ARGV[2])
place(ARGV[1])
return 1
`;

/** id, maker. */
const FAILED = `
local h = read(ARGV[1])
if h and h.state == 'plan' and h.maker == ARGV[2] then drop(ARGV[1], h) end
return 1
`;

/** id. Answers made with the row, waiting, or failed. */
const PLAN = `
clear()
local h = read(ARGV[1])
if not h then return { 'failed' } end
if h.state == 'plan' then
  if isAlive(h.pid) and isAlive(h.maker) then return { 'waiting' } end
  drop(ARGV[1], h)
  return { 'failed' }
end
if h.state ~= 'live' or not isAlive(h.pid) then return { 'failed' } end
return { 'made', h.row }
`;

/** pid, then id and epoch for each. Answers how many were there and ours. */
const REMOVE = `
local removed = 0
for i = 2, #ARGV, 2 do
  local h = read(ARGV[i])
  if h and h.pid == ARGV[1] and tonumber(h.epoch) <= tonumber(ARGV[i + 1]) and h.state ~= 'plan' then
    drop(ARGV[i], h)
    removed = removed + 1
  end
end
return removed
`;

/** ids. Answers the rows of those that are there, and whose owner is. */
const ROWS = `
local rows = {}
for _, id in ipairs(ARGV) do
  local h = redis.call('HMGET', P .. 'room:' .. id, 'state', 'pid', 'row')
  if h[1] == 'live' and isAlive(h[2]) then rows[#rows + 1] = h[3] end
end
return rows
`;

/** pid, id, epoch. Whoever did not hear the answer asks again, and is answered the same until the room is there. */
const ADOPT = `
local pid, id, epoch = ARGV[1], ARGV[2], tonumber(ARGV[3])
local h = read(id)
if h and h.state == 'taken' and h.pid == pid and tonumber(h.epoch) == epoch + 1 then return { epoch + 1, h.row } end
if not h or h.state == 'plan' or tonumber(h.epoch) ~= epoch or isAlive(h.pid) then return {} end
unlist(id, h)
redis.call('SREM', P .. 'of:' .. h.pid, id)
redis.call('SREM', P .. 'dead:' .. h.pid, id)
enrol(pid)
redis.call('SADD', P .. 'of:' .. pid, id)
redis.call('HSET', P .. 'room:' .. id, 'pid', pid, 'epoch', epoch + 1, 'seq', 0, 'state', 'taken', 'shown', '0')
return { epoch + 1, h.row }
`;

/**
 * pid, ms of a lease, ms for which rooms of the dead are kept. Answers 1 where the lease had been kept so far. What others
 * have left behind when theirs lapsed is taken out of the lists at once, and cleared away later.
 */
const RENEW = `
local pid, lease, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local before = redis.call('ZSCORE', P .. 'leases', pid)
redis.call('ZADD', P .. 'leases', NOW + lease, pid)
clear()
local lapsed = redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', NOW, 'WITHSCORES', 'LIMIT', 0, 5)
for i = 1, #lapsed, 2 do
  local other = lapsed[i]
  for _, id in ipairs(redis.call('SPOP', P .. 'of:' .. other, ${SWEPT_MAX})) do
    local h = read(id)
    if h and h.pid == other then
      unlist(id, h)
      redis.call('HSET', P .. 'room:' .. id, 'shown', '0')
      redis.call('SADD', P .. 'dead:' .. other, id)
    end
  end
  if tonumber(lapsed[i + 1]) < NOW - keep and redis.call('SCARD', P .. 'of:' .. other) == 0 then
    for _, id in ipairs(redis.call('SPOP', P .. 'dead:' .. other, ${SWEPT_MAX})) do
      local h = read(id)
      if h and h.pid == other then drop(id, h) end
    end
    if redis.call('SCARD', P .. 'dead:' .. other) == 0 then redis.call('ZREM', P .. 'leases', other) end
  end
end
return (before and tonumber(before) > NOW) and 1 or 0
`;

/** pid: its lease ends. */
const LEAVE = `
if redis.call('SCARD', P .. 'of:' .. ARGV[1]) == 0 and redis.call('SCARD', P .. 'dead:' .. ARGV[1]) == 0 then
  redis.call('ZREM', P .. 'leases', ARGV[1])
else
  redis.call('ZADD', P .. 'leases', NOW, ARGV[1])
end
return 1
`;
