import { connect, type Socket } from "node:net";

/** A patch is a few hundred bytes; the whole state of a large room comes in some pieces more. */
const MEMORY_BYTES = 8 * 1024;

/**
 * A connection to another process that is read into the same memory again and again: what a socket reads by itself costs
 * an allocation of 64 KB for each patch of each player. Nothing is heard before there is a listener.
 */
export class OwnerLine {
  readonly socket: Socket;
  /** Takes what comes. The bytes are only lent. False stops the reading until `socket.resume()`. */
  hear: (lent: Buffer) => boolean = () => true;
  /** Whether somebody still needs what was lent: then the next bytes come in other memory. */
  isKept: () => boolean = () => false;
  #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);

  constructor(place: { readonly host: string; readonly port: number }) {
    const onread = {
      // Asked for before the first read and after each.
      buffer: () => {
        if (this.isKept()) this.#memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
        return this.#memory;
      },
      callback: (length: number) => this.hear(this.#memory.subarray(0, length)),
    };
    this.socket = connect({ ...place, allowHalfOpen: true, noDelay: true, onread });
  }
}
