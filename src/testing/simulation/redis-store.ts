type Scored = readonly [member: string, score: number];

/** The commands of Redis that the directory speaks, on one memory. A key that holds nothing is not there. */
export class RedisStore {
  readonly #hashes = new Map<string, Readonly<Record<string, string>>>();
  readonly #sets = new Map<string, Set<string>>();
  readonly #sorted = new Map<string, Map<string, number>>();
  readonly #texts = new Map<string, { readonly value: string; readonly untilMs: number }>();

  flushall(): void {
    for (const maps of this.#all()) maps.clear();
  }

  keys(prefix = ""): string[] {
    return this.#all().flatMap((maps) => [...maps.keys()].filter((key) => key.startsWith(prefix)));
  }

  del(...keys: readonly string[]): void {
    for (const maps of this.#all()) for (const key of keys) maps.delete(key);
  }

  set(key: string, value: string, untilMs: number): void {
    this.#texts.set(key, { value, untilMs });
  }

  get(key: string, nowMs: number): string | null {
    const text = this.#texts.get(key);
    return text !== undefined && text.untilMs > nowMs ? text.value : null;
  }

  hset(key: string, fields: Readonly<Record<string, string | number>>): void {
    const hash: Record<string, string> = { ...this.#hashes.get(key) };
    for (const field in fields) hash[field] = String(fields[field]);
    this.#hashes.set(key, hash);
  }

  hget(key: string, field: string): string | null {
    return this.#hashes.get(key)?.[field] ?? null;
  }

  /** As it is now: what is written later is another. */
  hgetall(key: string): Readonly<Record<string, string>> | null {
    return this.#hashes.get(key) ?? null;
  }

  sadd(key: string, member: string): void {
    openAt(this.#sets, key, () => new Set<string>()).add(member);
  }

  srem(key: string, member: string): void {
    const set = this.#sets.get(key);
    set?.delete(member);
    if (set?.size === 0) this.#sets.delete(key);
  }

  smembers(key: string): string[] {
    return [...(this.#sets.get(key) ?? [])];
  }

  scard(key: string): number {
    return this.#sets.get(key)?.size ?? 0;
  }

  /** Which of them Redis leaves open; these are the first. */
  spop(key: string, count: number): string[] {
    const popped = this.smembers(key).slice(0, count);
    for (const member of popped) this.srem(key, member);
    return popped;
  }

  zadd(key: string, score: number, member: string): void {
    openAt(this.#sorted, key, () => new Map<string, number>()).set(member, score);
  }

  zrem(key: string, member: string): boolean {
    const sorted = this.#sorted.get(key);
    const wasThere = sorted?.delete(member) ?? false;
    if (sorted?.size === 0) this.#sorted.delete(key);
    return wasThere;
  }

  zcard(key: string): number {
    return this.#sorted.get(key)?.size ?? 0;
  }

  zscore(key: string, member: string): number | null {
    return this.#sorted.get(key)?.get(member) ?? null;
  }

  /** By their scores, and those of one score by their bytes. */
  zrange(key: string): Scored[] {
    return [...(this.#sorted.get(key) ?? [])].sort(
      ([one, score], [other, otherScore]) => score - otherScore || Buffer.compare(Buffer.from(one), Buffer.from(other)),
    );
  }

  zrangebyscore(key: string, least: number, most: number, limit = Number.POSITIVE_INFINITY): Scored[] {
    const found = this.zrange(key).filter(([, score]) => score >= least && score <= most);
    return found.slice(0, limit);
  }

  /** All there is, in a form that can be compared. */
  dump(): Record<string, unknown> {
    const entries: [string, unknown][] = [
      ...[...this.#texts].map(([key, { value }]): [string, unknown] => [key, value]),
      ...this.#hashes,
      ...[...this.#sets].map(([key, set]): [string, unknown] => [key, [...set].toSorted()]),
      ...[...this.#sorted.keys()].map((key): [string, unknown] => [key, this.zrange(key)]),
    ];
    return Object.fromEntries(entries);
  }

  #all(): Map<string, unknown>[] {
    return [this.#hashes, this.#sets, this.#sorted, this.#texts] as Map<string, unknown>[];
  }
}

function openAt<T>(maps: Map<string, T>, key: string, create: () => T): T {
  const found = maps.get(key) ?? create();
  maps.set(key, found);
  return found;
}
