import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/**
 * Which page a request comes from, as far as the browser says so, and a browser does not let a page lie about it:
 * `same` is a page of this server, `allowed` one of ALLOWED_ORIGINS, `foreign` any other page or one that hides where it
 * is from (`null`). `absent` is no page at all: a program, or an address typed by hand.
 */
export type OriginVerdict = "same" | "allowed" | "absent" | "foreign";

export interface Origins {
  judge(headers: IncomingHttpHeaders, scheme: "http" | "https"): OriginVerdict;
}

interface OriginsParts {
  /** Exact origins, as `parseOrigin` returns them. */
  readonly allowed: readonly string[];
  /** Where players find this server when a proxy in front of it hides that. Its origin counts as this server's own. */
  readonly publicUrl: string | null;
}

/**
 * Nothing is compared by prefix or suffix: an origin is equal or it is foreign. Scheme and port are part of it.
 */
export function createOrigins({ allowed, publicUrl }: OriginsParts): Origins {
  const allowList = new Set(allowed);
  const publicOrigin = publicUrl === null ? null : URL.parse(publicUrl)?.origin;
  return {
    judge(headers, scheme) {
      const { origin, host } = headers;
      if (origin === undefined) return judgeWithoutOrigin(headers["sec-fetch-site"]);
      const ownOrigin = host === undefined ? undefined : URL.parse(`${scheme}://${host}`)?.origin;
      if (origin === publicOrigin || origin === ownOrigin) return "same";
      return allowList.has(origin) ? "allowed" : "foreign";
    },
  };
}

/** Browsers leave Origin out of what a page only reads from its own server, and say where the page is from here. */
function judgeWithoutOrigin(site: string | string[] | undefined): OriginVerdict {
  if (site === undefined || site === "none") return "absent";
  return site === "same-origin" ? "same" : "foreign";
}

/**
 * Whether a request is for one server, named as a URL could name it. Of two Hosts Node takes the first and says nothing,
 * while a proxy in front may have gone by the second.
 */
export function hasOneHost({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): boolean {
  let host: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!isHost(rawHeaders[index] ?? "")) continue;
    if (host !== undefined) return false;
    host = rawHeaders[index + 1];
  }
  if (host === undefined) return false;
  if (host === lastGoodHost) return true;
  if (!HOST_PATTERN.test(host) || !URL.canParse(`http://${host}`)) return false;
  lastGoodHost = host;
  return true;
}

/** Nearly every request names the same one. */
let lastGoodHost: string | undefined;

const isHost = (name: string) => name.length === "host".length && name.toLowerCase() === "host";

const HOST_PATTERN = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i;

/** The one way to write an origin, or null when `text` is not one: `*` and `null` would invite everybody. */
export function parseOrigin(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || text.includes("*") || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  return url.origin === text.replace(/\/$/, "").toLowerCase() ? url.origin : null;
}
