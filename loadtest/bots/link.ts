import { LOADTEST_HEADER } from "../../schema/protocol.ts";
import { startNetwork } from "../network.ts";
import { parseNetworkProfile } from "../network-profile-text.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { signedName } from "./light.ts";

/** A bot's own way to the server. */
export interface Link {
  /** Where the bot dials: the server, or the network in front of it. */
  readonly endpoint: string;
  readonly isShaped: boolean;
  /** How often the network has been up to something by its profile: a tunnel, a lost mapping, another antenna. */
  events(): number;
  /** Resets every connection of the bot. Does nothing where there is no network in between. */
  cut(): void;
  close(): Promise<void>;
}

/** `needsCuts`: there has to be something that can cut a connection, also where nothing is shaped. */
export async function openLink(plan: BotPlan, { endpoint }: BotWorld, needsCuts: boolean): Promise<Link> {
  if (plan.network === "none" && !(needsCuts && plan.cutsMs.length > 0)) {
    return { endpoint, isShaped: false, events: () => 0, cut: () => {}, close: async () => {} };
  }
  const { hostname: host, port, protocol } = new URL(endpoint);
  const target = { host, port: Number(port || (protocol === "https:" ? 443 : 80)) };
  const network = await startNetwork({ target, profile: parseNetworkProfile(plan.network), seed: plan.seed });
  return {
    endpoint: network.url,
    isShaped: true,
    events() {
      const { blackhole, rebinding, handover } = network.statistics().events;
      return blackhole + rebinding + handover;
    },
    cut: () => network.cut(),
    close: () => network.stop(),
  };
}

/** A server takes names of at most 32 letters, digits, dashes and underscores. */
const RUN_CHARS_MAX = 20;

/** What each request and upgrade of a bot carries, so that the server counts it as an address of its own. */
export function botHeaders({ loadtestKey, runName }: BotWorld, name: number | string): Record<string, string> {
  if (loadtestKey === undefined) return {};
  const run = runName.replace(/[^\w-]/g, "-").slice(0, RUN_CHARS_MAX);
  return { [LOADTEST_HEADER]: signedName(`${run}-${name}`, loadtestKey) };
}
