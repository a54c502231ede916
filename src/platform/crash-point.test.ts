import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "./config.ts";
import { armCrashPoint, type CrashPoint, crashPoint, crashPoints } from "./crash-point.ts";

/** A process that is armed by its environment, comes to the point `hits` times, saying so, and then goes home. */
function aProcess(setting: string, point: CrashPoint, hits: number) {
  const code = `
    import { armCrashPoint, crashPoint } from ${JSON.stringify(import.meta.resolve("./crash-point.ts"))};
    import { readConfig } from ${JSON.stringify(import.meta.resolve("./config.ts"))};
    armCrashPoint(readConfig());
    for (let hit = 1; hit <= ${hits}; hit++) {
      crashPoint(${JSON.stringify(point)});
      await new Promise((resolve) => process.send({ passed: hit }, resolve));
    }
    process.disconnect();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    env: { NODE_ENV: "test", CRASH_POINT: setting },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const messages: unknown[] = [];
  child.on("message", (message) => messages.push(message));
  return { child, messages, ended: once(child, "exit") };
}

test("[CRASH1] a process dies by SIGKILL at the armed point and the armed hit, and not before", async () => {
  const { messages, ended } = aProcess("once.kept#3", "once.kept", 9);
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect(messages).toEqual([{ passed: 1 }, { passed: 2 }]);
  const other = aProcess("once.kept", "once.worked", 2);
  expect(await other.ended).toEqual([0, null]);
  expect(other.messages).toEqual([{ passed: 1 }, { passed: 2 }]);
});

test("[CRASH1] for Postgres it tells its parent and stands still until it is let go on", async () => {
  const { child, messages, ended } = aProcess("once.kept#1:postgres", "once.kept", 2);
  await once(child, "message");
  expect(messages).toEqual([{ crashPoint: "once.kept", is: "standing" }]);
  await vi.waitFor(
    () => {
      child.kill("SIGCONT");
      expect(messages.length).toBeGreaterThan(1);
    },
    { timeout: 5000, interval: 10 },
  );
  expect(await ended).toEqual([0, null]);
  expect(messages.slice(1)).toEqual([{ crashPoint: "once.kept", is: "going-on" }, { passed: 1 }, { passed: 2 }]);
});

test("[CRASH2] production refuses the setting at its start, ignores it, and so does whatever is not a test", () => {
  const production = {
    NODE_ENV: "production",
    DATABASE_URL: "postgres://db/umpire",
    SERVER_SECRET: "a-secret-of-more-than-thirty-two-characters",
  };
  expect(readConfig(production).CRASH_POINT).toBeNull();
  expect(() => readConfig({ ...production, CRASH_POINT: "once.kept" })).toThrow(/CRASH_POINT is for tests/);
  expect(() => readConfig({ CRASH_POINT: "once.kept" })).toThrow(/CRASH_POINT is for tests/);
  for (const text of ["once.lost", "once.kept#0", "once.kept#x", "once.kept:redis", "once.kept#1:postgres "]) {
    expect(() => readConfig({ NODE_ENV: "test", CRASH_POINT: text }), text).toThrow(/CRASH_POINT must be name/);
  }
  for (const NODE_ENV of ["production", "development"]) {
    for (const name of crashPoints) {
      armCrashPoint({ NODE_ENV, CRASH_POINT: name });
      crashPoint(name);
    }
  }
});
