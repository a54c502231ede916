import { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { Db } from "../platform/database.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import { createAccounts } from "./accounts/service.ts";
import { levelCurveSchema } from "./progression/rules.ts";
import { createProgression } from "./progression/service.ts";

/** What the services need to know of the game. A studio writes it in `rooms/catalogue/`. */
const catalogueSchema = z.object({ levels: levelCurveSchema });

export type Catalogue = Readonly<z.infer<typeof catalogueSchema>>;

interface ServicesParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Log;
  readonly secret: string;
  readonly config: Pick<Config, "NODE_ENV" | "SESSION_IDLE_DAYS" | "SESSION_ABSOLUTE_DAYS">;
  readonly catalogue: Catalogue;
}

/** Every service once, each given what it needs from those above it: a cycle cannot be written. */
export function createServices({ config, ...parts }: ServicesParts) {
  const catalogue = catalogueSchema.parse(parts.catalogue);
  const accounts = createAccounts({
    ...parts,
    sessionIdleDays: config.SESSION_IDLE_DAYS,
    sessionAbsoluteDays: config.SESSION_ABSOLUTE_DAYS,
    isProduction: config.NODE_ENV === "production",
  });
  const progression = createProgression({ ...parts, levels: catalogue.levels });
  return { accounts, progression };
}

export type Services = ReturnType<typeof createServices>;
/** What a room may declare in `needs`. */
export type ServiceName = keyof Services;
