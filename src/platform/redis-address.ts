import type { RedisOptions } from "ioredis";

export interface RedisSentinel {
  readonly host: string;
  readonly port: number;
}

const PORT = 6379;
const SENTINEL_PORT = 26_379;

/**
 * How to reach a Redis: `redis://user:password@host:port/database`, `rediss://` for TLS, `unix:///folder/socket` for a
 * socket. Where there are sentinels, the host is the name by which they know the master. Null for anything else.
 */
export function parseRedisUrl(text: string): RedisOptions | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.search !== "" || url.hash !== "") return null;
  const account = {
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
  };
  if (url.protocol === "unix:") return url.host === "" && url.pathname.length > 1 ? { path: url.pathname } : null;
  const database = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (!["redis:", "rediss:"].includes(url.protocol) || url.hostname === "" || database === undefined) return null;
  return {
    ...account,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? PORT : Number(url.port),
    db: Number(database),
    ...(url.protocol === "rediss:" && { tls: {} }),
  };
}

/** `host` or `host:port`; an IPv6 address stands in brackets. */
export function parseSentinel(text: string): RedisSentinel | null {
  const [, host, port = String(SENTINEL_PORT)] = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return null;
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
