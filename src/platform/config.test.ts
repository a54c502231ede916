import { expect, test } from "vitest";
import { ConfigError, describeSettings, readConfig, redactConfig } from "./config.ts";

const production = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://umpire:hunter2@db/umpire",
  SERVER_SECRET: "a-secret-of-more-than-thirty-two-characters",
};

test("[PLATFORM4] an empty environment gives the documented defaults", () => {
  const config = readConfig({});
  expect(config.PORT).toBe(2567);
  expect(config.HOST).toBe("127.0.0.1");
  expect(config.DATABASE_URL).toBeNull();
});

test("[PLATFORM4] every wrong setting is named in one message", () => {
  const wrong = () => readConfig({ PORT: "99999", LOG_LEVEL: "loud", BOT_FILL: "-1" });
  expect(wrong).toThrow(ConfigError);
  expect(wrong).toThrow(/PORT must be .*\n.*LOG_LEVEL must be .*\n.*BOT_FILL must be /);
});

test("[PLATFORM5] production refuses a missing, short or example secret and a missing database", () => {
  expect(readConfig(production).NODE_ENV).toBe("production");
  expect(() => readConfig({ ...production, DATABASE_URL: "" })).toThrow(/DATABASE_URL is required/);
  expect(() => readConfig({ ...production, SERVER_SECRET: "" })).toThrow(/SERVER_SECRET is required/);
  expect(() => readConfig({ ...production, SERVER_SECRET: "short" })).toThrow(/at least 32/);
  const example = "change-me-change-me-change-me-change-me";
  expect(() => readConfig({ ...production, SERVER_SECRET: example })).toThrow(/make your own/);
});

test("[PLATFORM5] no secret is printed", () => {
  const printed = JSON.stringify(redactConfig(readConfig(production)));
  expect(printed).not.toContain("hunter2");
  expect(printed).not.toContain(production.SERVER_SECRET);
  expect(printed).toContain('"SERVER_SECRET":"set"');
});

test("[PLATFORM4] the listing names every setting with type, default and description", () => {
  const lines = describeSettings().split("\n");
  expect(lines.length).toBe(Object.keys(readConfig({})).length + 1);
  expect(describeSettings()).toMatch(/^PORT\s+whole number from 0 to 65535\s+2567\s+Port of the game/m);
});
