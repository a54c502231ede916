import { type DirectoryScripts, loadScripts } from "../../cluster/directory/redis-directory-scripts.ts";
import type { Redis } from "../../platform/redis.ts";
import { CANDIDATES_MAX, choose, chooseLive, ids, PASSED_MAX } from "./directory-choice.ts";
import { DirectorySteps, entriesOf, type RoomHash, type ScriptContext } from "./directory-steps.ts";

type Twin = (steps: DirectorySteps, args: readonly string[]) => unknown;
type ScriptName = keyof DirectoryScripts;

/** What a server answers to one script. */
export interface NamedScript {
  readonly name: ScriptName;
  run(context: ScriptContext, prefix: string, args: readonly string[]): unknown;
}

const SWEPT_MAX = 200;

/**
 * What each of the directory's scripts does, in JavaScript: there is no Lua here. The same calls are sent to these and to a
 * real Redis by a test of their own, so a script that is changed and its twin is not fails there.
 */
const twins: Readonly<Record<ScriptName, Twin>> = {
  write,
  take,
  takeIn,
  giveBack(steps, [id = "", claim = ""]) {
    steps.endClaim(id, claim);
    steps.place(id);
    return 1;
  },
  failed(steps, [id = "", maker]) {
    const h = steps.hash(id);
    if (h?.["state"] === "plan" && h["maker"] === maker) steps.drop(id, h);
    return 1;
  },
  plan,
  remove(steps, [pid, ...pairs]) {
    const removed = inGroups(pairs, 2).filter(([id = "", epoch]) => {
      const h = steps.hash(id);
      if (h === null || h["pid"] !== pid || Number(h["epoch"]) > Number(epoch) || h["state"] === "plan") return false;
      steps.drop(id, h);
      return true;
    });
    return removed.length;
  },
  rows(steps, ids) {
    return ids.flatMap((id) => {
      const h = steps.hash(id);
      return h?.["state"] === "live" && steps.isAlive(h["pid"] ?? "") ? [h["row"]] : [];
    });
  },
  adopt,
  renew,
  leave(steps, [pid = ""]) {
    const { store, nowMs } = steps;
    const leaves = store.scard(steps.key("of", pid)) + store.scard(steps.key("dead", pid));
    if (leaves === 0) store.zrem(steps.key("leases"), pid);
    else store.zadd(steps.key("leases"), nowMs, pid);
    return 1;
  },
};

/** The twins by the Lua that they stand for. */
export async function twinsByLua(): Promise<ReadonlyMap<string, NamedScript>> {
  const reader = { script: (lua: string) => async () => lua } as unknown as Redis;
  const scripts = Object.entries(loadScripts(reader, "")) as [ScriptName, DirectoryScripts[ScriptName]][];
  const entries = scripts.map(async ([name, script]): Promise<[string, NamedScript]> => {
    const run: NamedScript["run"] = (context, prefix, args) => twins[name](new DirectorySteps(context, prefix), args);
    return [String(await script([])), { name, run }];
  });
  return new Map(await Promise.all(entries));
}

function write(steps: DirectorySteps, [pid = "", how = "", claimMs, ...rooms]: readonly string[]): number[] {
  steps.enrol(pid);
  return inGroups(rooms, 6).map(([id = "", epoch, seq, row = "", fields = "", claim = ""]) =>
    writeOne(
      steps,
      { pid, how, claimMs: Number(claimMs), id, epoch: Number(epoch), seq: Number(seq), row, claim },
      JSON.parse(fields) as Record<string, string | number>,
    ),
  );
}

interface Write {
  readonly pid: string;
  readonly how: string;
  readonly claimMs: number;
  readonly id: string;
  readonly epoch: number;
  readonly seq: number;
  readonly row: string;
  readonly claim: string;
}

function writeOne(steps: DirectorySteps, write: Write, fields: Readonly<Record<string, string | number>>): number {
  const { pid, id, epoch, seq, row, claim } = write;
  const { store } = steps;
  const h = steps.hash(id);
  const isNew = h?.["state"] !== "live";
  const fence = h === null ? store.get(steps.key("fence", id), steps.nowMs) : null;
  if (fence !== null && Number(fence) > epoch) return 0;
  const verdict = h !== null && h["state"] !== "plan" ? judge(h, write) : null;
  if (verdict !== null) return verdict;
  if (h !== null) {
    if (h["entries"] !== fields["entries"] || h["state"] === "plan") steps.takeOut(id, entriesOf(h));
    if (h["pid"] !== pid) {
      for (const set of ["of", "dead"]) store.srem(steps.key(set, h["pid"] ?? ""), id);
    }
  }
  const { name = "", clients = 0, max = 0, open = "", shown = "", made = 0, entries = "" } = fields;
  const written = { pid, epoch, seq, state: "live", row, name, clients, max, open, shown, made, entries };
  store.hset(steps.key("room", id), written);
  store.srem(steps.key("dead", pid), id);
  for (const set of [steps.key("of", pid), steps.key("all"), steps.key("name", String(name))]) store.sadd(set, id);
  if (claim !== "") steps.endClaim(id, claim);
  if (isNew) {
    const claims = steps.key("claims", id);
    for (const [open] of store.zrange(claims)) store.zadd(claims, steps.nowMs + write.claimMs, open);
    steps.nextLapse(id);
    if (store.zrem(steps.key("plans"), id)) steps.publish("made", id);
  }
  steps.place(id);
  if (shown === "1") {
    if (h?.["shown"] !== "1" || h["row"] !== row || write.how === "again") steps.tell(String(name), id, row);
  } else if (h?.["shown"] === "1") {
    steps.tell(String(name), id, "");
  }
  return 1;
}

/** Null where the write may go on. */
function judge(h: RoomHash, { pid, how, epoch, seq }: Write): number | null {
  const stored = Number(h["epoch"]);
  if (how === "insert" && !(h["state"] === "taken" && h["pid"] === pid && stored === epoch)) return 0;
  if (stored > epoch || (stored === epoch && h["pid"] !== pid)) return 0;
  return stored === epoch && h["state"] === "live" && Number(h["seq"]) > seq ? 1 : null;
}

function take(steps: DirectorySteps, args: readonly string[]): unknown[] {
  const [claim = "", claimMs, planMs, order = "", placesText = "", boundsText = "", planText = "", spare] = args;
  const { store } = steps;
  const places = JSON.parse(placesText) as { bucket: string; range: string }[];
  const bounds = JSON.parse(boundsText) as [string, number, number][];
  const passed = { count: 0 };
  steps.clear();
  for (const { bucket, range } of places) {
    const live = chooseLive(steps, { bucket, range, order, bounds, passed, spareMs: Number(spare) });
    if (live !== null) {
      steps.hold(live, claim, Number(claimMs));
      return ["found", steps.hash(live)?.["row"]];
    }
    const key = steps.key("plans", bucket);
    const list = () => ids(store.zrange(key)).slice(0, CANDIDATES_MAX);
    const planned = choose(steps, { key, list, bounds, passed, spareMs: 0 });
    if (planned !== null) {
      steps.hold(planned, claim, Number(claimMs) + Number(planMs));
      return ["waiting", planned];
    }
  }
  if (passed.count >= PASSED_MAX) return ["again"];
  if (planText === "") return ["none"];
  const plan = JSON.parse(planText) as Record<"roomId" | "processId" | "maker" | "name" | "entries", string> & {
    seats: number;
  };
  const { roomId, processId: pid, maker, name, seats: max, entries } = plan;
  const base = { pid, maker, epoch: 0, seq: 0, state: "plan", name, clients: 0, max };
  store.hset(steps.key("room", roomId), { ...base, open: "1", shown: "0", made: steps.nowMs, entries });
  store.zadd(steps.key("plans"), steps.nowMs + Number(planMs), roomId);
  steps.hold(roomId, claim, Number(claimMs) + Number(planMs));
  return ["planned"];
}

function takeIn(steps: DirectorySteps, [id = "", claim = "", claimMs]: readonly string[]): unknown[] {
  steps.clear();
  const h = steps.hash(id);
  if (h?.["state"] !== "live" || !steps.isAlive(h["pid"] ?? "")) return ["absent"];
  const max = Number(h["max"]);
  if (max >= 0 && Number(h["clients"]) + steps.claimsOf(id) >= max) return ["full"];
  if ((JSON.parse(h["row"] ?? "") as { locked: boolean }).locked) return ["locked"];
  steps.hold(id, claim, Number(claimMs));
  return ["found", h["row"]];
}

function plan(steps: DirectorySteps, [id = ""]: readonly string[]): unknown[] {
  steps.clear();
  const h = steps.hash(id);
  if (h === null) return ["failed"];
  if (h["state"] === "plan") {
    if (steps.isAlive(h["pid"] ?? "") && steps.isAlive(h["maker"] ?? "")) return ["waiting"];
    steps.drop(id, h);
    return ["failed"];
  }
  return h["state"] === "live" && steps.isAlive(h["pid"] ?? "") ? ["made", h["row"]] : ["failed"];
}

function adopt(steps: DirectorySteps, [pid = "", id = "", epoch]: readonly string[]): unknown[] {
  const h = steps.hash(id);
  const next = Number(epoch) + 1;
  if (h?.["state"] === "taken" && h["pid"] === pid && Number(h["epoch"]) === next) return [next, h["row"]];
  if (h === null || h["state"] === "plan" || Number(h["epoch"]) !== Number(epoch)) return [];
  if (steps.isAlive(h["pid"] ?? "")) return [];
  steps.unlist(id, h);
  for (const set of ["of", "dead"]) steps.store.srem(steps.key(set, h["pid"] ?? ""), id);
  steps.enrol(pid);
  steps.store.sadd(steps.key("of", pid), id);
  steps.store.hset(steps.key("room", id), { pid, epoch: next, seq: 0, state: "taken", shown: "0" });
  return [next, h["row"]];
}

function renew(steps: DirectorySteps, [pid = "", lease, keep]: readonly string[]): number {
  const { store, nowMs } = steps;
  const leases = steps.key("leases");
  const before = store.zscore(leases, pid);
  store.zadd(leases, nowMs + Number(lease), pid);
  steps.clear();
  for (const [other, lapsedMs] of store.zrangebyscore(leases, -Infinity, nowMs, 5)) {
    const [of, dead] = [steps.key("of", other), steps.key("dead", other)];
    for (const id of store.spop(of, SWEPT_MAX)) {
      const h = steps.hash(id);
      if (h?.["pid"] !== other) continue;
      steps.unlist(id, h);
      store.hset(steps.key("room", id), { shown: "0" });
      store.sadd(dead, id);
    }
    if (lapsedMs >= nowMs - Number(keep) || store.scard(of) > 0) continue;
    for (const id of store.spop(dead, SWEPT_MAX)) {
      const h = steps.hash(id);
      if (h?.["pid"] === other) steps.drop(id, h);
    }
    if (store.scard(dead) === 0) store.zrem(leases, other);
  }
  return before !== null && before > nowMs ? 1 : 0;
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
