import type { TestProject } from "vitest/node";
import { startTestPostgres } from "./postgres.ts";

/** Once per test run. `DATABASE_URL` names a server to use instead of our own; it needs the right to create databases. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { postgres, stop } = await startTestPostgres({ givenUrl: process.env["DATABASE_URL"] });
  project.provide("postgres", postgres);
  return stop;
}
