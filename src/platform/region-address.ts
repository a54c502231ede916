/** Where a region's server is. */
export interface RegionAddress {
  readonly name: string;
  /** Without a slash at the end. */
  readonly url: string;
}

/** `name=https://host`; null for anything else. */
export function parseRegion(text: string): RegionAddress | null {
  const [, name, address = ""] = /^([\w-]{1,64})=(https?:\/\/[^\s?#]{1,1024})$/.exec(text) ?? [];
  if (name === undefined || !URL.canParse(address)) return null;
  return { name, url: address.replace(/\/+$/, "") };
}
