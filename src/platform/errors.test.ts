import { DrizzleQueryError } from "drizzle-orm";
import { expect, test } from "vitest";
import { TestClock } from "./clock.ts";
import { AppError, createErrorTranslator } from "./errors.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { cryptoRandom } from "./random.ts";

function aTranslator() {
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line: string) => void lines.push(line) } });
  const ids = createIds({ clock: new TestClock(), random: cryptoRandom });
  return { translate: createErrorTranslator({ ids, log }), lines };
}

test("[PLATFORM6] an expected failure is shown with its code, sentence and details, and not logged", () => {
  const { translate, lines } = aTranslator();
  const shown = translate(new AppError("RATE_LIMITED", { retryAfterSeconds: 3 }), {});
  expect(shown.status).toBe(429);
  expect(shown.body).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterSeconds: 3 } });
  expect(lines).toEqual([]);
});

test("[PLATFORM6] a defect is shown as INTERNAL with an id, and that id finds the one log line with its cause", () => {
  const { translate, lines } = aTranslator();
  const shown = translate(new Error("relation accounts does not exist"), { route: "GET /x" });
  expect(shown).toMatchObject({ status: 500, body: { code: "INTERNAL" } });
  expect(JSON.stringify(shown.body)).not.toContain("relation");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(shown.body.errorId);
  expect(lines[0]).toContain("relation accounts does not exist");
});

test("[PLATFORM7] tokens, tickets, passwords and addresses do not reach a log line, and control characters are escaped", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line: string) => void lines.push(line) } });
  log.info(
    { token: "t0ken", body: { password: "pa55", ticket: "t1cket" }, headers: { cookie: "c00kie" } },
    "a\nb\u001b[31m",
  );
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/t0ken|pa55|t1cket|c00kie/);
  for (const control of ["\n", "\u001b"]) expect(lines[0]?.trimEnd()).not.toContain(control);
});

test("[PLATFORM7] a failed query is logged with what the database said and without its parameters", () => {
  const { translate, lines } = aTranslator();
  translate(new DrizzleQueryError("select $1", ["ada@example.org"], new Error("connection refused")), {});
  expect(lines.join()).toContain("connection refused");
  expect(lines.join()).not.toContain("ada@example.org");
});
