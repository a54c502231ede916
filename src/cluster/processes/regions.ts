import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { createOutbound, type Outbound } from "../../platform/outbound.ts";
import type { RegionAddress } from "../../platform/region-address.ts";

/** A region as players are offered it. */
export interface Region {
  readonly name: string;
  /** Where its server is, and what to ping. */
  readonly url: string;
  readonly isHealthy: boolean;
  readonly players: number;
}

export interface Regions {
  /** In the order of the setting; of the last seconds, from memory. Without a setting there is one region, this one. */
  all(): readonly Region[];
  stop(): void;
}

interface RegionsParts {
  readonly addresses: readonly RegionAddress[];
  /** This one, for where no setting names any. */
  readonly own: () => Region;
  readonly clock: Pick<Clock, "every">;
  readonly outbound?: Outbound;
}

/** What `GET /api/ping` answers. */
export const pingReply = z.strictObject({ region: z.string().max(64), players: z.number().int().min(0) });

const LOOK_MS = 1000;
const ANSWER_MS_MAX = 800;
const ANSWER_BYTES_MAX = 4096;
/** One answer that is lost says nothing; two in a row, and players are offered the next best. */
const FAILURES_MAX = 2;

/** Looks after the regions of the game, each by the door that players use. */
export function watchRegions({ addresses, own, clock, outbound }: RegionsParts): Regions {
  if (addresses.length === 0) return { all: () => [own()], stop() {} };
  const ask = outbound ?? createOutbound({ timeoutMs: ANSWER_MS_MAX, bytesMax: ANSWER_BYTES_MAX });
  const states = addresses.map(({ name, url }) => ({ name, url, players: 0, failures: FAILURES_MAX, isAsked: false }));
  const look = async (state: (typeof states)[number]) => {
    if (state.isAsked) return;
    state.isAsked = true;
    try {
      const response = await ask(`${state.url}/api/ping`);
      if (!response.ok) throw new Error(`${state.url} takes nobody now`);
      const { region, players } = pingReply.parse(await response.json());
      // Another region's server at this address would take players where they did not mean to go.
      if (region !== state.name) throw new Error(`${state.url} is region ${region}`);
      state.players = players;
      state.failures = 0;
    } catch {
      state.failures += 1;
    } finally {
      state.isAsked = false;
    }
  };
  const lookAtAll = () => {
    for (const state of states) void look(state);
  };
  lookAtAll();
  const stop = clock.every(LOOK_MS, lookAtAll);
  return {
    all: () =>
      states.map(({ name, url, players, failures }) => ({ name, url, players, isHealthy: failures < FAILURES_MAX })),
    stop,
  };
}
