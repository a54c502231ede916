import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkTidy, describeViolation } from "./tidy/check.ts";
import type { SourceFile } from "./tidy/code.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What git knows or would add: everything but what .gitignore names. */
function repositoryFiles(): SourceFile[] {
  const arguments_ = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", arguments_, { cwd: root, encoding: "utf8" });
  const paths = [...new Set(listed.split("\0"))].filter((path) => path !== "" && existsSync(`${root}/${path}`));
  return paths
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, "utf8") }))
    .filter(({ text }) => !text.includes("\0"));
}

/** The rules that a repository of just these files breaks, each once. */
function broken(files: Record<string, string>): string[] {
  const tree = Object.entries(files).map(([path, text]) => ({ path, text }));
  return [...new Set(checkTidy(tree).map(({ rule }) => rule))];
}

test("[TIDY10] this repository keeps the rules of the house", () => {
  expect(checkTidy(repositoryFiles()).map(describeViolation)).toEqual([]);
});

test("[TIDY11] a failure names the file, the rule and the cure", () => {
  const [violation] = checkTidy([{ path: "src/platform/a.ts", text: "export const a = Date.now();" }]);
  expect(violation && describeViolation(violation)).toBe(
    "src/platform/a.ts uses Date.now in line 1 [TIDY4, see src/tidy/SPEC.md]. Cure: take a Clock and call clock.now() or " +
      "clock.date(); a stopwatch in tests, bench and loadtest is performance.now().",
  );
});

describe("layers", () => {
  test.each([
    ["src/platform/a.ts", `import { b } from "../services/wallet/service.ts";`],
    ["src/platform/a.ts", `import type { b } from "../realtime/tick.ts";`],
    ["src/platform/a.ts", `export const b = await import("../cluster/lease.ts");`],
    ["src/platform/a.ts", `export type B = import("../app.ts").App;`],
    ["src/platform/a.ts", `export { b } from "../cluster/lease.ts"; export const c = 1;`],
    ["src/app.ts", `import { rooms } from "../rooms/index.ts";`],
    ["src/cluster/a.ts", `import type { GameRoom } from "../realtime/game-room.ts";`],
    ["src/services/shop/service.ts", `import { createWallet } from "../wallet/service.ts";`],
    ["src/services/shop/service.ts", `import { type Wallet } from "../wallet/service.ts";`],
    ["src/client/a.ts", `import { createClock } from "../platform/clock.ts";`],
    ["src/client/a.ts", `import { main } from "../main.ts";`],
    ["src/main.ts", `import { boot } from "./testing/boot.ts";`],
    ["schema/ids.ts", `import { a } from "../src/platform/ids.ts";`],
    ["rooms/arena/simulation.ts", `import { ArenaState } from "../../schema/state/arena.ts";`],
    ["rooms/arena/simulation.ts", `import type { Tick } from "../../src/realtime/tick.ts";`],
    ["rooms/arena/room.ts", `import { step } from "../duel/simulation.ts";`],
    ["rooms/arena/room.ts", `import { connect } from "../../src/client/connect.ts";`],
    ["loadtest/main.ts", `import { ArenaRoom } from "../rooms/arena/room.ts";`],
    ["src/stray/a.ts", `export const a = 1;`],
    ["src/platform/a.ts", `const = 1;`],
  ])("[TIDY1] %s may not say %s", (path, text) => {
    expect(broken({ [path]: text })).toEqual(["TIDY1"]);
  });

  test("[TIDY1] what the table allows, strings, comments and tests break nothing", () => {
    expect(
      broken({
        "src/main.ts": `import { createApp } from "./app.ts"; import { rooms } from "../rooms/index.ts";`,
        "src/services/shop/service.ts": `import type { Wallet } from "../wallet/service.ts"; import { rules } from "./rules.ts";`,
        "src/client/a.ts": `import type { Server } from "../main.ts"; import { closeCodes } from "../../schema/protocol.ts";`,
        "rooms/arena/simulation.ts": `import type { State } from "../../schema/state/arena.ts"; import { hit } from "./combat.ts";`,
        "rooms/arena/room.ts": `import { GameRoom } from "../../src/realtime/game-room.ts"; import { step } from "./simulation.ts";`,
        "rooms/page/main.ts": `import { step } from "../arena/simulation.ts"; import { connect } from "../../src/client/connect.ts";`,
        "src/platform/a.ts": `// import { a } from "../app.ts";\nexport const text = 'import { a } from "../app.ts"';`,
        "src/platform/a.test.ts": `import { boot } from "../testing/boot.ts"; import { Server } from "@colyseus/core";`,
      }),
    ).toEqual([]);
  });

  test.each([
    ["src/realtime/a.ts", "colyseus"],
    ["src/realtime/a.test.ts", "colyseus"],
    ["src/services/wallet/service.ts", "@colyseus/core"],
    ["src/platform/redis.ts", "@colyseus/redis-presence"],
    ["src/client/a.ts", "@colyseus/schema"],
    ["rooms/page/main.ts", "@colyseus/sdk"],
    ["rooms/arena/simulation.ts", "lodash"],
    ["src/services/wallet/service.ts", "postgres"],
    ["src/client/a.ts", "node:fs"],
  ])("[TIDY2] %s may not import %s", (path, name) => {
    expect(broken({ [path]: `import { a } from "${name}";` })).toEqual(["TIDY2"]);
  });
});

describe("tables", () => {
  const tables = {
    "schema/tables/wallet.ts": `import { umpire } from "./umpire.ts"; export const posts = umpire.table("wallet_posts", {});`,
    "schema/tables/umpire.ts": `import { pgSchema } from "drizzle-orm/pg-core"; export const umpire = pgSchema("umpire");`,
  };

  test.each([
    ["an import", `import { posts } from "../../../schema/tables/wallet.ts";`],
    ["an import of its type", `import type { posts } from "../../../schema/tables/wallet.ts";`],
    ["a query", "await sql`select 1 from umpire.wallet_posts`;"],
    ["a quoted name", `await db.unsafe('delete from "umpire"."wallet_posts"');`],
    ["a join", "await sql`select 1 from offers join wallet_posts on true`;"],
    ["a list", "await sql`select 1 from umpire.offers o, wallet_posts`;"],
    ["an update", "await db.execute(`update wallet_posts set amount = 0`);"],
  ])("[TIDY3] a service may not reach into another's table by %s", (_kind, text) => {
    expect(broken({ ...tables, "src/services/shop/service.ts": text })).toEqual(["TIDY3"]);
  });

  test("[TIDY3] SQL files of a service keep to its tables, too, and a browser sees no table", () => {
    expect(broken({ ...tables, "src/services/shop/buy.sql": "insert into wallet_posts values (1);" })).toEqual([
      "TIDY3",
    ]);
    expect(broken({ ...tables, "rooms/page/main.ts": `import "../../schema/tables/wallet.ts";` })).toEqual(["TIDY3"]);
  });

  test("[TIDY3] its own tables, functions of others and prose break nothing", () => {
    expect(
      broken({
        ...tables,
        "src/services/wallet/service.ts":
          `import { posts } from "../../../schema/tables/wallet.ts"; import { umpire } from "../../../schema/tables/umpire.ts";` +
          "await sql`select 1 from umpire.wallet_posts`;",
        "src/services/shop/service.ts": "export const a = 'a row from wallet_posts'; await sql`select wallet_post(1)`;",
      }),
    ).toEqual([]);
  });
});

describe("bans", () => {
  test.each([
    ["src/services/a/service.ts", "Date.now()"],
    ["src/services/a/service.ts", "new Date()"],
    ["src/services/a/service.ts", "globalThis.Date.now()"],
    ["src/services/a/service.ts", "const { now } = Date"],
    ["src/services/a/service.test.ts", "Date.now()"],
    ["src/services/a/service.ts", "Math.random()"],
    ["loadtest/main.ts", "Math.random()"],
    ["src/realtime/a.ts", "setInterval(() => {}, 10)"],
    ["src/realtime/a.ts", "performance.now()"],
    ["src/realtime/a.ts", `process.env["PORT"]`],
    ["rooms/arena/room.ts", "setTimeout(() => {}, 10)"],
  ])("[TIDY4] %s may not say %s", (path, text) => {
    expect(broken({ [path]: text })).toEqual(["TIDY4"]);
  });

  test.each([
    ["Math.sin(1)"],
    ["Math.pow(2, 3)"],
    ["Math.hypot(3, 4)"],
    ["3 ** 2"],
    ["performance.mark('a')"],
    ["new Date(0)"],
    ["fetch('/')"],
  ])("[TIDY5] a simulation may not say %s", (text) => {
    expect(broken({ "rooms/arena/combat.ts": `export const a = ${text};` })).toEqual(["TIDY5"]);
  });

  test("[TIDY4] the homes of time and configuration, and what runs outside game time, break nothing", () => {
    expect(
      broken({
        "src/platform/clock.ts":
          "export const a = [Date.now(), new Date(), setInterval(() => {}, 10), performance.now()];",
        "src/platform/config.ts": "export const a = process.env;",
        "src/services/a/service.ts": "export const a = new Date(0); // Date.now()",
        "src/services/a/service.test.ts": "const a = performance.now();",
        "rooms/page/main.ts": "setInterval(() => {}, 10);",
      }),
    ).toEqual([]);
  });

  test("[TIDY5] exact arithmetic and the builder of the sine table break nothing", () => {
    expect(
      broken({
        "rooms/arena/combat.ts": "export const a = Math.sqrt(Math.abs(2)) + Math.PI + 2 ** 16;",
        "rooms/arena/trigonometry.ts": "export const table = [1, 2].map((a) => Math.sin(a));",
        "rooms/page/main.ts": "export const a = Math.hypot(3, 4);",
      }),
    ).toEqual([]);
  });
});

describe("promises", () => {
  const spec = { "rooms/arena/SPEC.md": "# Arena\n\n- **ARENA1** Shots hit.\n" };

  test.each([
    ["no test", ""],
    ["a skipped test", `test.skip("[ARENA1] shots hit", () => {});`],
    ["a test in a comment", `// test("[ARENA1] shots hit", () => {});`],
    ["a group's title", `describe("[ARENA1] shots", () => {});`],
  ])("[TIDY6] a promise with %s is unproved", (_kind, text) => {
    expect(broken({ ...spec, "rooms/arena/room.test.ts": text })).toEqual(["TIDY6"]);
  });

  test("[TIDY6] a citation without a promise, a promise made twice and a sixteenth promise fail", () => {
    const proof = { "rooms/arena/room.test.ts": `test("[ARENA1] shots hit", () => {});` };
    expect(broken(proof)).toEqual(["TIDY6"]);
    expect(broken({ ...proof, ...spec, "rooms/duel/SPEC.md": "# Duel\n\n- **ARENA1** Again.\n" })).toEqual(["TIDY6"]);
    const numbers = Array.from({ length: 16 }, (_, index) => index + 1);
    const many = `# Arena\n\n${numbers.map((number) => `- **ARENA${number}** So.\n`).join("")}`;
    const proofs = numbers.map((number) => `test("[ARENA${number}] so", () => {});`).join("\n");
    expect(broken({ "rooms/arena/SPEC.md": many, "rooms/arena/room.test.ts": proofs })).toEqual(["TIDY6"]);
  });

  test("[TIDY6] plain, parametrised and contract tests prove a promise", () => {
    for (const text of [
      `test("[ARENA1] shots hit", () => {});`,
      `test.each([1])("[ARENA1] shot %i hits", () => {});`,
      "describe('shots', () => { it(`[ARENA1] shots hit`, () => {}); });",
    ]) {
      expect(broken({ ...spec, "src/testing/contract.ts": text })).toEqual([]);
    }
  });
});

describe("names, texts and error codes", () => {
  test.each([
    ["src/platform/utils.ts", "export const a = 1;"],
    ["src/platform/room-manager.ts", "export const a = 1;"],
    ["src/services/common/service.ts", "export const a = 1;"],
    ["src/platform/rateLimit.ts", "export const a = 1;"],
    ["src/platform/index.ts", "export const a = 1;"],
    ["src/platform/all.ts", `export { a } from "./a.ts"; export type { B } from "./b.ts";`],
    ["src/platform/some.ts", `export * from "./a.ts"; export const b = 1;`],
  ])("[TIDY7] %s with %s is refused", (path, text) => {
    expect(broken({ [path]: text })).toEqual(["TIDY7"]);
  });

  test.each([
    ["an unfinished mark", "deploy/compose.yaml", `# ${"TO"}DO later`],
    ["a machine's path", "deploy/compose.yaml", `volume: ${"/ho"}me/ada/data`],
    ["a private key", "deploy/key.txt", `-----${"BEGIN"} RSA PRIVATE KEY-----`],
    ["a cloud key", "deploy/key.txt", `${"AK"}IAIOSFODNN7EXAMPLE`],
    ["two titles", "deploy/README.md", "# One\n\n# Two\n"],
    ["no title", "deploy/README.md", "Words.\n"],
  ])("[TIDY8] %s is refused", (_kind, path, text) => {
    expect(broken({ [path]: text })).toEqual(["TIDY8"]);
  });

  test("[TIDY8] a comment in a fenced command is not a title, and a web path is no machine's", () => {
    expect(
      broken({ "README.md": "# Umpire\n\n```sh\n# start\nnpm start\n```\n\nhttps://umpire.example/home/a\n" }),
    ).toEqual([]);
  });

  test.each([
    ["WALLET_EMPTY: { status: 409, message: 'No.' }"],
    ["SHOP_CLOSED: { status: 200, message: 'No.' }"],
    ["SHOP_CLOSED: { status: 4090, message: 'No.' }"],
  ])("[TIDY9] schema/errors/shop.ts may not declare %s", (entry) => {
    expect(broken({ "schema/errors/shop.ts": `export const shopErrors = { ${entry} };` })).toEqual(["TIDY9"]);
  });

  test("[TIDY9] a feature's own codes and the platform's break nothing", () => {
    expect(
      broken({
        "schema/errors/shop.ts": "export const shopErrors = { SHOP_CLOSED: { status: 409, message: 'No.' } };",
        "schema/errors/rooms.ts": "export const roomsErrors = { ROOM_FULL: { status: 409, message: 'No.' } };",
        "schema/errors/platform.ts": "export const platformErrors = { INTERNAL: { status: 500, message: 'No.' } };",
      }),
    ).toEqual([]);
  });
});
