import { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import { type Config, publicUrl } from "../platform/config.ts";
import type { Db } from "../platform/database.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Mail } from "../platform/mail.ts";
import type { Random } from "../platform/random.ts";
import { createAccounts } from "./accounts/service.ts";
import { createPersonalData } from "./personal-data/service.ts";
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
  readonly mail: Mail;
  readonly config: Config;
  readonly catalogue: Catalogue;
}

/** Every service once, each given what it needs from those above it: a cycle cannot be written. */
export function createServices({ config, ...parts }: ServicesParts) {
  const catalogue = catalogueSchema.parse(parts.catalogue);
  const accounts = createAccounts({
    ...parts,
    sessionIdleDays: config.SESSION_IDLE_DAYS,
    sessionAbsoluteDays: config.SESSION_ABSOLUTE_DAYS,
    guestPurgeDays: config.GUEST_PURGE_DAYS,
    personalData: createPersonalData(parts),
    isProduction: config.NODE_ENV === "production",
    publicUrl: publicUrl(config),
    registration: registrationOf(config),
  });
  const progression = createProgression({ ...parts, levels: catalogue.levels });
  return { accounts, progression };
}

/** In production nobody is told which addresses have accounts, unless a setting says that it does not matter. */
function registrationOf({ REGISTRATION, NODE_ENV }: Config): "open" | "confirmed" {
  if (REGISTRATION !== "auto") return REGISTRATION;
  return NODE_ENV === "production" ? "confirmed" : "open";
}

export type Services = ReturnType<typeof createServices>;
/** What a room may declare in `needs`. */
export type ServiceName = keyof Services;
