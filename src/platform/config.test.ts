import { expect, test } from "vitest";
import { ConfigError, describeSettings, publicUrl, readConfig, redactConfig } from "./config.ts";

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

test("[HTTP1] S13: allow-lists are exact: no wildcard, no path, no range that is everybody", () => {
  const lists = readConfig({
    ALLOWED_ORIGINS: "https://Partner.example, http://localhost:5173",
    TRUSTED_PROXIES: "10.0.0.0/8,::1",
  });
  expect(lists.ALLOWED_ORIGINS).toEqual(["https://partner.example", "http://localhost:5173"]);
  expect(lists.TRUSTED_PROXIES).toEqual(["10.0.0.0/8", "::1"]);
  for (const origins of ["*", "null", "https://*.example", "https://a.example/x", "https://a.example,"]) {
    expect(() => readConfig({ ALLOWED_ORIGINS: origins }), origins).toThrow(/ALLOWED_ORIGINS must be origins/);
  }
  for (const proxies of ["0.0.0.0/0", "::/0", "example.com", "10.0.0.0/99", "10.0.0.1;10.0.0.2"]) {
    expect(() => readConfig({ TRUSTED_PROXIES: proxies }), proxies).toThrow(/TRUSTED_PROXIES must be addresses/);
  }
});

test("[HTTP2] a load test's key is long or absent, and is not printed", () => {
  expect(readConfig({}).LOADTEST_KEY).toBeNull();
  expect(() => readConfig({ LOADTEST_KEY: "short" })).toThrow(/LOADTEST_KEY must have at least 32/);
  const key = "a-key-of-more-than-thirty-two-characters";
  expect(JSON.stringify(redactConfig(readConfig({ LOADTEST_KEY: key })))).not.toContain(key);
});

test("[HTTP10] a certificate without its key, or the other way round, is refused", () => {
  expect(() => readConfig({ TLS_CERT_FILE: "cert.pem" })).toThrow(/belong together/);
  expect(() => readConfig({ TLS_KEY_FILE: "key.pem" })).toThrow(/belong together/);
});

test("[PLATFORM4] mail needs a sender, and in production the address that its links begin with", () => {
  const smtp = { SMTP_URL: "smtps://umpire:hunter2@mail.test", MAIL_FROM: "no-reply@game.test" };
  expect(() => readConfig({ SMTP_URL: smtp.SMTP_URL })).toThrow(/MAIL_FROM is required/);
  expect(() => readConfig({ ...smtp, SMTP_URL: "https://mail.test" })).toThrow(/SMTP_URL must begin with smtps/);
  expect(() => readConfig({ ...production, ...smtp })).toThrow(/PUBLIC_URL is required in production/);
  const config = readConfig({ ...production, ...smtp, PUBLIC_URL: "https://game.test/play/" });
  expect(publicUrl(config)).toBe("https://game.test/play");
  expect(JSON.stringify(redactConfig(config))).not.toContain("hunter2");
  expect(publicUrl(readConfig({ HOST: "::1" }))).toBe("http://[::1]:2567");
  for (const url of ["game.test", "javascript:alert(1)", "https://game.test/?a=b", "https://game.test/#a"]) {
    expect(() => readConfig({ PUBLIC_URL: url }), url).toThrow(/PUBLIC_URL must be/);
  }
});
