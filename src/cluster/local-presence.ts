import { LocalPresence } from "@colyseus/core";

/** The engine declares a text where it gives none. */
const NONE = null as never;

/**
 * The presence of a process that is alone: the engine's own, with what it does otherwise than Redis set right, so that
 * whoever has tested on one process is not surprised by two.
 */
export class OwnLocalPresence extends LocalPresence {
  override publish(topic: string, data: unknown): this {
    return super.publish(topic, data === undefined ? false : data);
  }

  /** Keys of any kind run out, not only those of `set`. */
  override expire(key: string, seconds: number): void {
    super.expire(key, seconds);
    clearTimeout(this["timeouts"][key]);
    this["timeouts"][key] = setTimeout(() => this.del(key), seconds * 1000);
  }

  /** Of however many sets, and not only of two. */
  override async sinter(...keys: string[]): Promise<string[]> {
    const [first = [], ...others] = await Promise.all(keys.map((key) => this.smembers(key)));
    return first.filter((member) => others.every((members) => members.includes(member)));
  }

  override async rpop(key: string): Promise<string> {
    return this.data[key] === undefined ? NONE : unlessEmpty(this, key, (await super.rpop(key)) ?? NONE);
  }

  override async lpop(key: string): Promise<string> {
    return unlessEmpty(this, key, (await super.lpop(key)) ?? NONE);
  }

  override srem(key: string, value: unknown): void {
    super.srem(key, value);
    unlessEmpty(this, key, null);
  }

  override async hdel(key: string, field: string): Promise<boolean> {
    const isGone = await super.hdel(key, field);
    if (Object.keys(this.hash[key] ?? { kept: true }).length === 0) this.del(key);
    return isGone;
  }
}

/** What is empty does not exist. No method: the engine gives rooms objects that inherit from a presence. */
function unlessEmpty<T>(presence: LocalPresence, key: string, answer: T): T {
  if (presence.data[key]?.length === 0) presence.del(key);
  return answer;
}
