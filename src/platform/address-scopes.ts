import { isIP } from "node:net";

/** A set of addresses that is counted as one, and how many times a single address's allowance it has. */
export interface AddressScope {
  readonly key: string;
  readonly share: number;
}

/** What a network that hands out addresses freely may use, in allowances of one address. */
const NETWORK_SHARE = 8;
/** An IPv6 /64 is one household or one machine, which may take any of its addresses for each request. */
const HOUSEHOLD_SHARE = 2;

/**
 * The address itself and the networks around it, narrowest first: /24 for IPv4, /64 and /48 for IPv6. What is not an IP
 * address, such as a load test's bot, stands alone.
 */
export function addressScopes(address: string): [alone: AddressScope, ...networks: AddressScope[]] {
  const alone = { key: address, share: 1 };
  const version = isIP(address);
  if (version === 4) {
    return [alone, { key: `${address.split(".").slice(0, 3).join(".")}.0/24`, share: NETWORK_SHARE }];
  }
  if (version === 0) return [alone];
  const groups = expandIpv6(address);
  return [
    alone,
    { key: `${groups.slice(0, 4).join(":")}::/64`, share: HOUSEHOLD_SHARE },
    { key: `${groups.slice(0, 3).join(":")}::/48`, share: NETWORK_SHARE },
  ];
}

/** The eight groups of an address that is known to be IPv6; `::` stands for as many zeros as are missing. */
function expandIpv6(address: string): string[] {
  const [bare = ""] = address.split("%");
  const [head = "", tail] = bare.split("::");
  const before = groupsOf(head);
  if (tail === undefined) return before;
  const after = groupsOf(tail);
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  return [...before, ...zeros, ...after];
}

function groupsOf(text: string): string[] {
  if (text === "") return [];
  // An IPv4 address at the end is two groups, which no prefix here reaches.
  const withoutIpv4 = text.replace(/\d+\.\d+\.\d+\.\d+$/, "0:0");
  return withoutIpv4.split(":").map((group) => group.replace(/^0+(?=.)/, "").toLowerCase());
}
