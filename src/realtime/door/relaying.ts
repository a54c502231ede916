import type { KeyObject } from "node:crypto";
import type { RelayPlace } from "../../cluster/cluster.ts";
import { createHopSeal } from "../../cluster/relay/hop.ts";
import { createRelay, type OwnerOf, type Relay } from "../../cluster/relay/relay.ts";
import { createRelayListener } from "../../cluster/relay/relay-listener.ts";
import type { Clock } from "../../platform/clock.ts";
import type { TranslateError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Random } from "../../platform/random.ts";
import { isRoomHere, type SocketTransport } from "./socket-transport.ts";

/** A process among others: what it passes to them, and what they pass to it. */
export interface Relaying extends Relay {
  /** Takes what the others pass on, and says where in `host:port`. */
  listen(transport: SocketTransport): Promise<string>;
  /** Breaks what it has passed on, and takes nothing any more. */
  close(): Promise<void>;
}

interface RelayingParts {
  /** Null where this process is alone. */
  readonly ownerOf: OwnerOf | null;
  readonly place: RelayPlace;
  readonly socketsMax: number;
  readonly secret: KeyObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly translate: TranslateError;
}

/** Null where this process is alone. */
export function createRelaying({ ownerOf, place, socketsMax: max, ...parts }: RelayingParts): Relaying | null {
  if (ownerOf === null) return null;
  const seal = createHopSeal(parts);
  const relay = createRelay({ ...parts, seal, ownerOf, isHere: isRoomHere });
  let close = async () => {};
  return {
    ...relay,
    async listen(transport) {
      const listener = createRelayListener({
        ...parts,
        seal,
        max,
        onRelayed: (relayed) => transport.takeRelayed(relayed),
        onRefused: (socket, thrown) => transport.refuse(socket, thrown),
      });
      close = listener.stop;
      return listener.listen(place);
    },
    async close() {
      relay.stop();
      await close();
    },
  };
}
