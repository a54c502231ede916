import { z } from "zod";
import { parseRedisUrl, type RedisSentinel } from "./redis-address.ts";
import type { RegionAddress } from "./region-address.ts";

/** A setting of the server: its type, default and meaning. */
export interface Setting<T> {
  readonly type: string;
  readonly schema: z.ZodType<T, string>;
  /** What holds when the variable is absent; null where absence has a meaning of its own. */
  readonly fallback: T;
  readonly description: string;
  /** Printed as `set` or `not set`, never in clear. */
  readonly secret?: true;
}

export function text(fallback: string, description: string): Setting<string> {
  return { type: "text of 1 to 4096 characters", schema: z.string().min(1).max(4096), fallback, description };
}

export function optional(description: string, secret?: true): Setting<string | null> {
  const schema = z.string().min(1).max(4096);
  return { type: "text of 1 to 4096 characters", schema, fallback: null, description, ...(secret && { secret }) };
}

export function link(description: string): Setting<string | null> {
  const schema = z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .regex(/^[^?#]+$/)
    .transform((url) => url.replace(/\/+$/, ""));
  return { type: "http or https URL without query", schema, fallback: null, description };
}

/** Like `list`, printed as `set` or `not set`. */
export function secrets(description: string): Setting<readonly string[] | null> {
  const schema = z
    .string()
    .max(4096)
    .transform((text) => text.split(",").map((item) => item.trim()))
    .refine((items) => items.length <= 2 && items.every((item) => item !== ""));
  return { type: "one or two secrets with a comma between", schema, fallback: null, description, secret: true };
}

export function redisUrl(description: string): Setting<string | null> {
  const schema = z
    .string()
    .max(4096)
    .refine((text) => parseRedisUrl(text) !== null);
  return { type: "redis://, rediss:// or unix:// URL", schema, fallback: null, description, secret: true };
}

export function word(description: string): Setting<string | null> {
  const schema = z.string().regex(/^\w{1,64}$/);
  return { type: "up to 64 letters, digits and _", schema, fallback: null, description };
}

/** Each item as `parseItem` writes it; one that it does not know makes the whole setting wrong. */
export function list<T extends string | RedisSentinel | RegionAddress>(
  parseItem: (item: string) => T | null,
  type: string,
  description: string,
): Setting<readonly T[]> {
  const schema = z
    .string()
    .max(4096)
    .transform((text, ctx) => {
      const items = text.split(",").map((item) => parseItem(item.trim()));
      if (items.includes(null)) ctx.addIssue({ code: "custom", message: type });
      return items.filter((item) => item !== null);
    });
  return { type, schema, fallback: [], description };
}

export function whole(least: number, most: number, fallback: number, description: string): Setting<number> {
  const schema = z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().int().min(least).max(most));
  return { type: `whole number from ${least} to ${most}`, schema, fallback, description };
}

export function oneOf<const T extends string>(
  values: readonly [T, ...T[]],
  fallback: T,
  description: string,
): Setting<T> {
  return { type: values.join(" | "), schema: z.enum(values) as unknown as z.ZodType<T, string>, fallback, description };
}
