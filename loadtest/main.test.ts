import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { useStack } from "../src/testing/stacks/stack-under-test.ts";
import { readCommand } from "./command-line.ts";
import { startOwnServer } from "./own-server.ts";
import { planRun } from "./plan.ts";
import { scenarios } from "./scenarios.ts";

const stack = await (await useStack())();
const loadtestKey = "only-for-tests-only-for-tests-only-for-tests";
const folder = await mkdtemp(join(tmpdir(), "umpire-test-loadtest-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("[SCENARIO3] every scenario that there is can be planned, and judges more than one thing", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const plan = planRun(scenario, { seed: 1 });
    expect(plan.length, name).toBeGreaterThanOrEqual(scenario.bots);
    expect(plan.some(({ depth }) => depth === "full")).toBe(true);
    expect(scenario.budgets).toMatchObject({ violations: 0, errorRate: expect.any(Number) });
  }
});

test("[SCENARIO4] what is asked for wrongly is refused in words that help", () => {
  const refusal = (...words: string[]) => {
    try {
      return JSON.stringify(readCommand(words, ["smoke", "steady"]));
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal()).toBe("Which --scenario? Known are smoke, steady.");
  expect(refusal("--scenario", "smok")).toBe('There is no scenario "smok". Known are smoke, steady.');
  expect(refusal("--scenario", "smoke", "--network", "5g")).toContain('no network "5g". Known are none, lan');
  expect(refusal("--scenario", "smoke", "--bots", "many")).toBe(
    '--bots must be a whole number from 1 to 200000, not "many".',
  );
  expect(refusal("--scenario", "smoke", "--sed", "3")).toContain("--sed");
  expect(refusal("--scenario", "smoke", "--endpoint", "localhost")).toContain("http://host:port");
  expect(refusal("--scenario", "smoke", "--endpoint", "http://a", "--processes", "2")).toContain("runs already");
  expect(refusal("--scenario", "smoke", "--agents", "2")).toContain("--agents needs --endpoint");
  expect(refusal("--agent")).toBe("--agent needs --coordinator HOST:PORT.");
  expect(refusal("--agent", "--coordinator", "a:1", "--bots", "3")).toContain("--bots is the coordinator's to say");
  expect(readCommand(["--scenario", "smoke", "--seed", "7"], ["smoke"])).toMatchObject({ kind: "run", seed: 7 });
  expect(readCommand(["--agent", "--coordinator", "[::1]:2570"], [])).toMatchObject({
    coordinator: { host: "::1", port: 2570 },
  });
});

test("[SCENARIO5] the command plays on an endpoint, names each broken budget, and ends with one line of JSON", async () => {
  const json = join(folder, "smoke.json");
  const html = join(folder, "smoke.html");
  const words = ["--scenario", "smoke", "--endpoint", stack.url, "--bots", "3", "--seconds", "3", "--network", "none"];
  const { code, stdout, stderr } = await loadtest([...words, "--json", json, "--html", html]);
  // Nobody told where the server's metrics are, so what it says of itself is not known, and not kept.
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Broken: the server's event loop p99 .* was not measured, .*: give --metrics/m);
  const verdict = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
  expect(verdict).toMatchObject({ suite: "loadtest/smoke", rows: expect.any(Array) });
  expect(verdict.rows).toContainEqual(
    expect.objectContaining({ id: "loadtest/smoke/violations", against: "absolute", ratio: 0, target: 0, ok: true }),
  );
  const result = JSON.parse(await readFile(json, "utf8"));
  expect(result).toMatchObject({ version: 1, bots: 3, network: "none", endpoint: stack.url, seed: 1 });
  expect(result.command).toContain("npm run loadtest -- --scenario smoke --endpoint");
  expect(await readFile(html, "utf8")).toContain("<!doctype html>");
}, 40_000);

test("[SCENARIO5] bad usage ends with 2", async () => {
  const { code, stderr } = await loadtest(["--scenario", "nothing"]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("Known are smoke, steady") });
  // Before anybody plays: what a run is not told about its server it can not judge.
  const elsewhere = ["--scenario", "smoke", "--endpoint", stack.url, "--metrics", `${stack.url}/metrics`];
  const untold = await loadtest(elsewhere);
  expect(untold).toMatchObject({ code: 2, stderr: expect.stringContaining("private listener") });
});

test("[SCENARIO6] a server of a run's own leaves nothing behind, and says why it could not start", async () => {
  // Others on this machine may be testing, too.
  const { TMPDIR: elsewhere } = process.env;
  process.env["TMPDIR"] = await mkdtemp(join(folder, "own-"));
  const failing = join(folder, "nothing.ts");
  await expect(startOwnServer({ file: failing })).rejects.toThrow(
    /ended with code 1 before it was ready.*Cannot find/s,
  );
  const ending = new AbortController();
  const starting = startOwnServer({ signal: ending.signal });
  setTimeout(() => ending.abort(), 300);
  await expect(starting).rejects.toThrow("called off");
  expect(await readdir(tmpdir())).toEqual([]);
  process.env["TMPDIR"] = elsewhere ?? "/tmp";
}, 30_000);

async function loadtest(words: readonly string[]) {
  const env = { PATH: process.env["PATH"], LOADTEST_KEY: loadtestKey };
  const main = join(import.meta.dirname, "main.ts");
  const run = promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...words], { env });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}
