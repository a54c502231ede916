import type { Http } from "./http.ts";

/** A region that takes players, as this player would have it. */
export interface RegionOffer {
  readonly name: string;
  /** The `endpoint` of a client that plays there. */
  readonly url: string;
  readonly players: number;
  /** A round trip in ms, the shortest of three. */
  readonly pingMs: number;
}

export interface RegionsClient {
  /**
   * The regions that take players, the nearest first. One that does not answer within a second and a half is left out,
   * whatever the server thinks of it; empty when none does.
   *
   * Accounts are the same in every region; rooms are not. A page may ask a region of another origin only when that
   * region's ALLOWED_ORIGINS names the page's.
   */
  best(): Promise<readonly RegionOffer[]>;
}

interface RegionsParts {
  readonly http: Pick<Http, "call">;
  /** In ms, from anywhere. */
  readonly nowMs?: () => number;
  readonly fetch?: typeof fetch;
}

interface Listed {
  readonly name: string;
  readonly url: string;
  readonly isHealthy: boolean;
  readonly players: number;
}

const PINGS = 3;
const PING_MS_MAX = 1500;

export function createRegions({
  http,
  nowMs = () => performance.now(),
  fetch: ask = fetch,
}: RegionsParts): RegionsClient {
  /** The first pays for the connection, so the shortest says how far it is. Null when it takes nobody now. */
  const ping = async (url: string): Promise<number | null> => {
    let shortestMs: number | null = null;
    const signal = AbortSignal.timeout(PING_MS_MAX);
    for (let n = 0; n < PINGS; n++) {
      const fromMs = nowMs();
      try {
        const response = await ask(`${url}/api/ping`, { signal, credentials: "omit", cache: "no-store" });
        if (!response.ok) return null;
        await response.text();
      } catch {
        return shortestMs;
      }
      shortestMs = Math.min(shortestMs ?? Number.POSITIVE_INFINITY, nowMs() - fromMs);
    }
    return shortestMs;
  };
  return {
    async best() {
      const { regions } = await http.call<{ regions: readonly Listed[] }>({ method: "GET", path: "/api/regions" });
      const asked = regions
        .filter(({ isHealthy }) => isHealthy)
        .map(async ({ name, url, players }) => ({ name, url, players, pingMs: await ping(url) }));
      return (await Promise.all(asked))
        .flatMap(({ pingMs, ...region }) => (pingMs === null ? [] : [{ ...region, pingMs }]))
        .toSorted((a, b) => a.pingMs - b.pingMs);
    },
  };
}
