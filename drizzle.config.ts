import { defineConfig } from "drizzle-kit";

/** For `npx drizzle-kit generate`, which writes the difference between `schema/tables` and the last migration. */
export default defineConfig({
  dialect: "postgresql",
  schema: "./schema/tables/*.ts",
  out: "./migrations",
  schemaFilter: ["umpire"],
});
