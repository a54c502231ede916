import type { NetworkProfile, NetworkProfileName } from "./network-profile.ts";
import { networkProfile, networkProfiles } from "./network-profile.ts";

/** A profile by its name, or in words that `parseNetworkProfile` reads. */
export type NetworkText = NetworkProfileName | (string & {});

/**
 * A profile as a command line gives it: a name (`train`), numbers (`latency=80,jitter=20,loss=0.01,up=1e6,down=2e6`), or a
 * name and the numbers that differ from it (`train,loss=0.1`), which keeps its events. Latency and jitter are in ms one way,
 * loss is from 0 to 1, up and down are bytes per second; `shape` is uniform or normal. What is left out is not shaped.
 * A RangeError says what cannot be read.
 */
export function parseNetworkProfile(text: NetworkText): NetworkProfile {
  const words = text.split(",").map((word) => word.trim());
  const [name = ""] = words;
  if (!name.includes("=") && !isName(name)) throw new RangeError(`There is no network "${name}".`);
  const isNamed = isName(name);
  const base = isNamed ? networkProfiles[name] : networkProfiles.none;
  const pairs = isNamed ? words.slice(1) : words;
  if (pairs.length === 0) return base;
  const changes: Partial<Record<keyof NetworkProfile, unknown>> = {};
  for (const pair of pairs) {
    const [key, value] = readPair(pair);
    if (key in changes) throw new RangeError(`A network profile says "${pair.split("=")[0]}" twice.`);
    changes[key] = value;
  }
  // Safe: every key has been given a value of its type, and networkProfile refuses the values that make no sense.
  return networkProfile({ ...base, ...(changes as Partial<NetworkProfile>) });
}

/** Whether the text is a profile. */
export function isNetwork(text: string): boolean {
  try {
    parseNetworkProfile(text);
    return true;
  } catch {
    return false;
  }
}

const numberKeys = {
  latency: "latencyMs",
  jitter: "jitterMs",
  loss: "lossRate",
  up: "bytesPerSecondUp",
  down: "bytesPerSecondDown",
} as const satisfies Record<string, keyof NetworkProfile>;

function readPair(pair: string): [keyof NetworkProfile, unknown] {
  const [key = "", value = "", ...rest] = pair.split("=");
  if (rest.length > 0 || value === "") throw new RangeError(`"${pair}" in a network profile is not name=value.`);
  if (key === "shape") return ["jitterShape", value];
  if (!Object.hasOwn(numberKeys, key)) {
    const known = [...Object.keys(numberKeys), "shape"].join(", ");
    throw new RangeError(`A network profile has no "${key}": it has ${known}.`);
  }
  const number = Number(value);
  if (!Number.isFinite(number)) throw new RangeError(`"${pair}" in a network profile is not a number.`);
  return [numberKeys[key as keyof typeof numberKeys], number];
}

function isName(text: string): text is keyof typeof networkProfiles {
  return Object.hasOwn(networkProfiles, text);
}
