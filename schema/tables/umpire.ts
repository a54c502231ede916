import { pgSchema } from "drizzle-orm/pg-core";

/** Every table of the framework lies in this Postgres schema, so that a studio's own tables lie beside them without conflict. */
export const umpire = pgSchema("umpire");
