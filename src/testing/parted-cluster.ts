import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type Network, startNetwork } from "../../loadtest/network.ts";
import { networkProfiles } from "../../loadtest/network-profile.ts";
import { aPrefix } from "./redis.ts";
import { Stack } from "./stacks/stack.ts";

/** One of several processes of a game, with a network that can be broken between it and everything else. */
export interface PartedProcess {
  readonly stack: Stack;
  readonly processId: string;
  readonly links: Readonly<Record<LinkName, Network>>;
}

/** From a process to its Redis, to its Postgres, and from the others to its relay listener. */
export type LinkName = "redis" | "postgres" | "relay";

interface PartedClusterOptions {
  readonly count: number;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Several processes that are one game, each behind networks of its own. All ends after the last test. */
export async function startPartedCluster(options: PartedClusterOptions): Promise<PartedProcess[]> {
  const prefix = aPrefix();
  return Promise.all(Array.from({ length: options.count }, (_, index) => startParted(options, prefix, index)));
}

async function startParted(
  { redisUrl, databaseUrl, settings = {} }: PartedClusterOptions,
  prefix: string,
  index: number,
): Promise<PartedProcess> {
  // The relay's own port is the network's, on another address of this machine: others are told only a name for it.
  const relayPlace = { host: "127.0.0.2", port: 0 };
  const [redis, postgres, relay] = await Promise.all([
    openBridge(new URL(redisUrl).pathname).then((place) => openLink(place, index)),
    databasePlace(databaseUrl).then((place) => openLink(place, index)),
    openLink(relayPlace, index),
  ]);
  relayPlace.port = relay.port;
  const database = new URL(databaseUrl);
  database.host = `127.0.0.1:${postgres.port}`;
  const stack = await Stack.start("cluster", {
    settings: {
      DATABASE_URL: database.href,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      REDIS_PREFIX: prefix,
      RELAY_HOST: relayPlace.host,
      RELAY_PORT: String(relay.port),
      RELAY_ADDRESS: "127.0.0.1",
      ...settings,
    },
  });
  afterAll(() => stack.stop());
  return { stack, processId: await stack.ask<string>("processId"), links: { redis, postgres, relay } };
}

interface Place {
  readonly host: string;
  readonly port: number;
}

async function openLink(target: Place, seed: number): Promise<Network> {
  const network = await startNetwork({ target, profile: "none", seed });
  afterAll(() => network.stop());
  return network;
}

/** The host of our own Postgres is the folder of its unix socket. */
async function databasePlace(url: string): Promise<Place> {
  const { hostname, port } = new URL(url);
  const host = decodeURIComponent(hostname);
  return host.startsWith("/") ? openBridge(join(host, `.s.PGSQL.${port}`)) : { host, port: Number(port || 5432) };
}

/** A port in front of a unix socket, because a network is made of TCP. Whatever breaks on one side breaks on the other. */
async function openBridge(path: string): Promise<Place> {
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect(path);
    client.pipe(target).pipe(client);
    for (const [end, other] of [
      [client, target],
      [target, client],
    ] as const) {
      end.on("error", () => {}).on("close", () => other.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  afterAll(() => void server.close());
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

/** So slow that nothing arrives as long as a test lasts. */
const NEVER = 1e-6;

/** Ways in which a link breaks: each is broken until `heal`. */
export const breaks = {
  /** Nothing arrives either way, and nobody is told. */
  stalled: (link: Network) => link.stall(Number.POSITIVE_INFINITY),
  /** Connections are reset; new ones are taken and never answered. */
  cut(link: Network) {
    link.stall(Number.POSITIVE_INFINITY);
    link.cut();
  },
  /** What the process asks is lost, what it is told arrives. */
  "deaf upwards": (link: Network) => link.setProfile({ ...networkProfiles.none, bytesPerSecondUp: NEVER }),
  /** What the process asks arrives, the answers are lost. */
  "deaf downwards": (link: Network) => link.setProfile({ ...networkProfiles.none, bytesPerSecondDown: NEVER }),
  /** The answers have ended and the questions go on, on every connection that was open. */
  "half closed": (link: Network) => link.halfClose(),
} as const;

export function heal(link: Network): void {
  link.setProfile("none");
  link.stall(0);
}
