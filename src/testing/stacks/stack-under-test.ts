import { afterAll, expect } from "vitest";
import { createTestDatabase } from "../postgres.ts";
import { Stack, type StackName } from "./stack.ts";

/** `npm run test:stock` sets this: the same tests then meet the unmodified engine, where each has to fail. */
const isStock = process.env["STACK"] === "stock";

/** Several of them that are one game by their Redis, for the whole file. */
export async function useStacks(count: number, settings: Readonly<Record<string, string>>): Promise<readonly Stack[]> {
  const given = isStock ? {} : { DATABASE_URL: (await createTestDatabase()).url };
  const name = isStock ? "stock" : "umpire";
  const started = Array.from({ length: count }, () => Stack.start(name, { settings: { ...given, ...settings } }));
  const stacks = await Promise.all(started);
  afterAll(() => Promise.all(stacks.map((stack) => stack.stop())));
  return stacks;
}

/**
 * The server that a test of a defect runs against. Umpire is started once for the file, since nothing that its tests do
 * may harm it; at the end its log must not hold one exception that nobody caught. The unmodified engine is started
 * anew by each call. `const stack = await useStack();` at the top of the file, `await stack()` in each test.
 */
export async function useStack(settings: Readonly<Record<string, string>> = {}): Promise<() => Promise<Stack>> {
  const started: Stack[] = [];
  afterAll(async () => {
    const uncaught = started.flatMap(({ log }) => log.filter(({ msg }) => /uncaught|unhandled/.test(String(msg))));
    await Promise.all(started.map((stack) => stack.stop()));
    if (!isStock) expect(uncaught).toEqual([]);
  });
  const start = async (name: StackName, given: Readonly<Record<string, string>>) => {
    const stack = await Stack.start(name, { settings: given });
    started.push(stack);
    return stack;
  };
  if (isStock) return () => start("stock", settings);
  const database = await createTestDatabase();
  const umpire = await start("umpire", { DATABASE_URL: database.url, ...settings });
  return async () => umpire;
}
