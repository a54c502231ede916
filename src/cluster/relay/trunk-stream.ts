import { Duplex } from "node:stream";
import type { TrunkChannel } from "./trunk-channel.ts";

/**
 * A player's connection as the process sees it to which the player was passed on: a socket to whoever uses it. What is
 * written within one turn leaves together anyway, so corking does nothing; idleness is judged by who took the player in.
 */
export class TrunkStream extends Duplex {
  /** Of the process at the other end of the trunk. */
  readonly remoteAddress: string | undefined;
  readonly #channel: TrunkChannel;
  #rest: { bytes: Buffer; readonly done: () => void } | null = null;

  constructor(channel: TrunkChannel, remoteAddress: string | undefined) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
    this.remoteAddress = remoteAddress;
    channel.ear = {
      data: (lent) => {
        // A copy, because a few bytes that somebody keeps would keep those of all others that came with them.
        this.push(Buffer.from(lent));
        channel.waits(this.readableLength);
      },
      end: () => void this.push(null),
      room: () => this.#goOn(),
      broken: () => void this.destroy(),
    };
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  override cork(): void {}

  override uncork(): void {}

  /** Everything that is taken out passes here, or leaves at once when it comes. */
  override read(bytes?: number): unknown {
    const taken: unknown = super.read(bytes);
    this.#channel.waits(this.readableLength);
    return taken;
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    const sent = this.#channel.send(bytes);
    if (sent === bytes.length) done();
    else this.#rest = { bytes: bytes.subarray(sent), done };
  }

  override _final(done: () => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.break();
    done(error);
  }

  #goOn(): void {
    const rest = this.#rest;
    if (rest === null) return;
    rest.bytes = rest.bytes.subarray(this.#channel.send(rest.bytes));
    if (rest.bytes.length > 0) return;
    this.#rest = null;
    rest.done();
  }
}
