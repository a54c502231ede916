import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { errorCodes } from "../schema/errors/codes.ts";
import { readConfig } from "../src/platform/config.ts";
import { startTestApp } from "../src/testing/app.ts";

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks: readonly string[] | Readonly<Record<string, { ipv4_address?: string } | null>>;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly ulimits?: { readonly nofile: number };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { internal?: boolean; ipam?: { config: { ip_range: string }[] } } | null>>;
}

const read = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8");
const compose: Compose = parse(read("compose.yaml"));
const withTls: Compose = parse(read("compose-tls.yaml"));
const { balancer, game, postgres, redis } = compose.services as Readonly<Record<string, Service>> as {
  [name in "balancer" | "game" | "postgres" | "redis"]: Service;
};
const dockerfile = read("Dockerfile").replace(/\\\n/g, " ");
const [, shipped = ""] = /\nFROM (?:node:24\S*)\n([\s\S]*)$/.exec(dockerfile) ?? [];
const haproxy = read("haproxy.cfg");
const operations = read("OPERATIONS.md");
const app = await startTestApp({ rooms: {} });

/** `deploy/.env` as somebody would fill it in. */
function filled(over: Readonly<Record<string, string>> = {}): Record<string, string> {
  const lines = read("example.env").matchAll(/^(\w+)=(.*)$/gm);
  const example = Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
  return { ...example, POSTGRES_PASSWORD: "p", REDIS_PASSWORD: "r", SERVER_SECRET: "s".repeat(64), ...over };
}

/** What Compose makes of `${NAME:-default}` and `${NAME:?why}`. */
function interpolate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
    const value = values[name] ?? "";
    if (value === "" && kind === "?") throw new Error(`${name}: ${rest}`);
    return value === "" ? rest : value;
  });
}

function gameSettings(values: Readonly<Record<string, string>>): Record<string, string> {
  const given = Object.entries(game.environment ?? {});
  return Object.fromEntries(given.map(([name, value]) => [name, interpolate(value, values)]));
}

const networksOf = ({ networks }: Service) => (Array.isArray(networks) ? networks : Object.keys(networks)).toSorted();

describe("containers", () => {
  test("[DEPLOY1] production starts on what compose.yaml gives, and only once deploy/.env is filled in", () => {
    const settings = new Set(Object.keys(readConfig({})));
    expect(Object.keys(game.environment ?? {}).filter((name) => !settings.has(name))).toEqual([]);
    expect(readConfig(gameSettings(filled()))).toMatchObject({ NODE_ENV: "production", REGISTRATION: "auto" });
    const example = { SERVER_SECRET: filled({})["SERVER_SECRET"] ?? "" };
    expect(example.SERVER_SECRET).not.toBe("");
    const untouched = /^SERVER_SECRET=(.*)$/m.exec(read("example.env"))?.[1] ?? "";
    expect(() => readConfig(gameSettings(filled({ SERVER_SECRET: untouched })))).toThrow("the one from the examples");
    for (const name of ["SERVER_SECRET", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "PUBLIC_URL"]) {
      expect(() => gameSettings(filled({ [name]: "" }))).toThrow(name);
    }
    const asked = [...`${read("compose.yaml")}${read("compose-tls.yaml")}`.matchAll(/\$\{(\w+):\?/g)];
    expect(asked.filter(([, name = ""]) => !(name in filled()))).toEqual([]);
  });

  test("[DEPLOY1] every setting that the operations page names exists", () => {
    const settings = new Set([
      ...Object.keys(readConfig({})),
      "POSTGRES_PASSWORD",
      "REDIS_PASSWORD",
      "REQUEST_FOREIGN",
    ]);
    const named = [...operations.matchAll(/`?\b([A-Z]+(?:_[A-Z]+)+)\b/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !settings.has(name))).toEqual([]);
  });

  test("[DEPLOY2] nothing but the balancer can be reached from outside, and it alone is believed about addresses", () => {
    const strangers = Object.entries({ ...compose.services, ...withTls.services }).flatMap(([name, { ports = [] }]) =>
      ports.filter((port) => !port.startsWith("127.0.0.1:")).map(() => name),
    );
    expect(new Set(strangers)).toEqual(new Set(["balancer"]));
    expect(balancer.ports).toEqual([expect.stringMatching(/:8080$/)]);
    expect(compose.networks["back"]?.internal).toBe(true);
    expect([networksOf(postgres), networksOf(redis)]).toEqual([["back"], ["back"]]);
    expect(networksOf(game)).toEqual(["back", "front"]);
    const { PORT = "", METRICS_PORT = "", TRUSTED_PROXIES = "" } = game.environment ?? {};
    expect(haproxy).toMatch(new RegExp(`server-template game \\d+ game:${PORT}\\n`));
    expect(haproxy + read("haproxy-tls.cfg")).not.toContain(METRICS_PORT);
    const address = (balancer.networks as Record<string, { ipv4_address?: string }>)["front"]?.ipv4_address ?? "";
    expect(TRUSTED_PROXIES).toBe(address);
    // Docker gives the upper half away, so nobody else comes to have it.
    expect(compose.networks["front"]?.ipam?.config[0]?.ip_range).toMatch(/\.128\/25$/);
    expect(Number(address.split(".")[3])).toBeLessThan(128);
    expect(redis.command?.join("\n")).toContain("requirepass $$REDIS_PASSWORD");
    expect(postgres.environment?.["POSTGRES_PASSWORD"]).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
  });

  test("[DEPLOY3] the image is nobody's in particular, holds no secret, and has all that the page is made of", () => {
    const users = [...shipped.matchAll(/^USER (\S+)$/gm)].map(([, user]) => user);
    expect(users).toEqual(["node"]);
    expect(dockerfile).not.toMatch(/^(ARG|ENV).*(SECRET|PASSWORD|TOKEN|KEY|_URL)/m);
    expect(dockerfile.match(/npm (ci|install).*/g)).toEqual([
      expect.stringContaining("ci --omit=dev --ignore-scripts"),
    ]);
    const copied = [...shipped.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths = ""]) => paths.split(" "));
    const ignored = read("../.dockerignore").trim().split("\n");
    expect(ignored[0]).toBe("*");
    expect(ignored).toEqual(expect.arrayContaining(["**/*.test.ts", "**/*.env", "src/testing"]));
    expect(copied.filter((path) => !ignored.includes(`!${path}`))).toEqual([]);
    const [, sources = ""] = /^const SOURCES = \[(.*)\];$/m.exec(read("../rooms/page/serve.ts")) ?? [];
    const needed = sources.split(", ").map((source) => JSON.parse(source).split("/")[0]);
    expect([...needed, "migrations", "package.json"].filter((path) => !copied.includes(path))).toEqual([]);
    expect(game).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
  });

  test("[DEPLOY3] its health is what /readyz says", async () => {
    const [, command = "[]"] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(shipped) ?? [];
    const [, ...args]: string[] = JSON.parse(command);
    const check = (PORT: string) => promisify(execFile)(process.execPath, args, { env: { PORT } });
    await check(new URL(app.url).port);
    await expect(check(new URL(app.metricsUrl).port)).rejects.toMatchObject({ code: 1 });
  });

  test("[DEPLOY4] nobody is killed before DRAIN_SECONDS are over", () => {
    const grace = Number(/^(\d+)s$/.exec(game.stop_grace_period ?? "")?.[1]);
    expect(grace).toBeGreaterThanOrEqual(Number(game.environment?.["DRAIN_SECONDS"]) + 10);
    expect(shipped).toMatch(/^STOPSIGNAL SIGTERM$/m);
    for (const [, seconds] of operations.matchAll(/docker stop --time (\d+)/g)) {
      expect(Number(seconds)).toBeGreaterThanOrEqual(grace);
    }
  });
});

test("[DEPLOY5] the balancer believes no client, sends nobody to who is not ready and refuses as the server does", () => {
  const [, list = ""] = /FORWARDING_HEADERS = \[([^\]]*)\]/.exec(read("../src/platform/client-address.ts")) ?? [];
  const headers = [...list.matchAll(/"([a-z-]+)"/g)].map(([, name]) => name);
  expect(headers.length).toBeGreaterThan(5);
  for (const [config, scheme] of [
    [haproxy, "http"],
    [read("haproxy-tls.cfg"), "https"],
  ] as const) {
    const [, frontend = ""] = /frontend public\S*\n([\s\S]*?)(?:\n\n|$)/.exec(config) ?? [];
    const removed = [...frontend.matchAll(/del-header (\S+)/g)].map(([, name = ""]) => name.toLowerCase());
    expect(new Set([...removed, "x-forwarded-proto"])).toEqual(new Set(headers));
    expect(frontend).toContain(`set-header X-Forwarded-Proto ${scheme}\n`);
    expect(frontend).toContain("option forwardfor\n");
  }
  expect(haproxy).toContain("balance roundrobin\n");
  expect(haproxy).toMatch(/http-check send meth GET uri \/readyz[^\n]*\n\s+http-check expect status 200\n/);
  expect(haproxy).toMatch(/retry-on conn-failure\n/);
  expect(haproxy).not.toContain("shutdown-sessions");
  expect(Number(/timeout tunnel (\d+)s/.exec(haproxy)?.[1])).toBeGreaterThanOrEqual(30);
  // Two descriptors a client, and some.
  const most = Number(/maxconn (\d+)/.exec(haproxy)?.[1]);
  expect(balancer.ulimits?.nofile).toBeGreaterThan(2 * most + 100);
  const [, body = ""] = /http-error status 503 .* string '(.*)' hdr Retry-After \d+$/m.exec(haproxy) ?? [];
  expect(JSON.parse(body)).toEqual({
    code: "UNAVAILABLE",
    message: errorCodes.UNAVAILABLE.message,
    details: { reason: "balancer" },
    errorId: null,
  });
});

describe("figures", () => {
  interface Rules {
    readonly groups: readonly {
      readonly rules: readonly { alert: string; expr: string; labels: { severity: string } }[];
    }[];
  }
  const { groups }: Rules = parse(read("alerts.yaml"));
  const rules = groups.flatMap((group) => group.rules);
  const dashboard: { panels: { targets: { expr: string }[] }[] } = JSON.parse(read("dashboard.json"));

  test("[DEPLOY6] every figure of the alarms, the dashboard and the operations page is exported, with the labels asked for", async () => {
    const exported = await (await fetch(app.metricsUrl)).text();
    const types = new Map(
      [...exported.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]),
    );
    const isExported = (name: string) => {
      const family = name.replace(/_(bucket|count|sum)$/, "");
      return types.has(name) || (family !== name && types.get(family) === "histogram");
    };
    const asked = [
      ...rules.map(({ expr }) => expr),
      ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ];
    const named = [...asked, operations].flatMap((text) => text.match(/\b(umpire|process|nodejs)_[a-z0-9_]+\b/g) ?? []);
    expect(new Set(named).size).toBeGreaterThan(20);
    expect([...new Set(named)].filter((name) => !isExported(name))).toEqual([]);
    // What is not the server's own comes from Prometheus and from HAProxy.
    const functions = /\b(sum|rate|increase|histogram_quantile|topk|by|avg_over_time|or|unless|offset|on)\b/g;
    const bare = asked.flatMap(
      (text) =>
        text
          .replace(/"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\boffset \w+/g, "")
          .replace(functions, "")
          .match(/\b[a-z]\w+/g) ?? [],
    );
    const others = bare.filter((name) => !isExported(name));
    expect(new Set(others)).toEqual(new Set(["up", "haproxy_backend_active_servers"]));
  });

  test("[DEPLOY7] every alarm has its row in the operations page, and every row its alarm", () => {
    const [, section = ""] = /\n## Alarms\n([\s\S]*?)\n## /.exec(operations) ?? [];
    const rows = [...section.matchAll(/^\| ([A-Z]\w+) \| \S.* \| \S.* \|$/gm)].map(([, name]) => name);
    expect(rows).toEqual(rules.map(({ alert }) => alert));
    expect(new Set(rules.map(({ labels }) => labels.severity))).toEqual(new Set(["page", "look"]));
    expect(read("dashboard.json").length).toBeLessThan(30_000);
    expect(parse(read("prometheus.yaml"))).toMatchObject({
      rule_files: ["alerts.yaml"],
      scrape_configs: [
        {
          job_name: "umpire",
          dns_sd_configs: [{ names: ["game", "api"], port: Number(game.environment?.["METRICS_PORT"]) }],
        },
        { job_name: "balancer" },
      ],
    });
  });
});
