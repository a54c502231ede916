import { z } from "zod";
import type { Database } from "./database.ts";
import { AppError } from "./errors.ts";
import { type Route, route } from "./http.ts";
import { pendingMigrations } from "./migrations.ts";
import type { Redis } from "./redis.ts";

const ok = z.strictObject({ ok: z.literal(true) });

/** Alive: the process answers. Ready: it should get players. A load balancer asks for the second. */
export function healthRoutes(
  { database, redis, migrations: folder }: { database: Database; redis: Redis | null; migrations: string },
  isDraining: () => boolean,
): Route[] {
  // One that is lost later costs nobody a match, and taking every process out of service would.
  let hasRedis = redis === null;
  const limit = { count: 600, perSeconds: 60, isPerProcess: true };
  return [
    route({ method: "GET", path: "/healthz", role: "anyone", limit, reply: ok }, async () => ({ ok: true as const })),
    route({ method: "GET", path: "/readyz", role: "anyone", limit, reply: ok }, async () => {
      if (isDraining()) throw new AppError("UNAVAILABLE", { reason: "draining" });
      const pending = await pendingMigrations(database, { folder }).catch((cause: unknown) => {
        throw new AppError("UNAVAILABLE", { reason: "database" }, cause);
      });
      if (pending.length > 0) throw new AppError("UNAVAILABLE", { reason: "migrations" });
      hasRedis ||= redis?.isUp() === true;
      if (!hasRedis) throw new AppError("UNAVAILABLE", { reason: "redis" });
      return { ok: true as const };
    }),
  ];
}
