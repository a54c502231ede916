import { expect, test } from "vitest";
import type { ContentSource } from "../../../schema/content.ts";
import { TestClock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { createLog } from "../../platform/log.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { catalogueRoutes } from "./routes.ts";
import { createCatalogue, parseContent } from "./service.ts";

const { db, sql } = await createTestDatabase();
const clock = new TestClock();
const levels = { base: 100, growth: 50, max: 100 };
const gold = { gold: { title: "Gold" } };
const small: ContentSource = { levels, currencies: gold };
const withSkins: ContentSource = {
  levels,
  currencies: gold,
  items: { skin: { title: "Skin", kind: "unique", slot: "body" }, dust: { title: "Dust", kind: "stack", max: 99 } },
  recipes: { dye: { title: "Dye", takes: { items: { dust: 3 } }, gives: { items: { skin: 1 } } } },
  loot: { chest: { rolls: 1, entries: [{ weight: 1, gives: { items: { skin: 1 } } }], pity: { after: 10, entry: 0 } } },
  offers: {
    skin: { title: "Skin", gives: { items: { skin: 1 } }, price: { kind: "currency", currency: "gold", amount: 100 } },
  },
  stats: { kills: { title: "Kills", kind: "counter" } },
  leaderboards: { hunters: { title: "Hunters", stat: "kills", score: "sum", periods: ["daily", "all"] } },
  rewards: { arena: { byPlacement: [{ currencies: { gold: 10 } }] } },
};

/** Content that a test breaks on purpose. */
// biome-ignore lint/suspicious/noExplicitAny: what is wrong with it is what the test is about
type Loose = Record<"items" | "recipes" | "loot" | "offers" | "leaderboards" | "rewards", any>;

const aServer = (source: ContentSource) => createCatalogue({ db, clock, log: createLog({ level: "silent" }), source });

function problemsOf(change: (content: Loose) => void): readonly string[] {
  const content = structuredClone(withSkins) as unknown as Loose;
  change(content);
  try {
    parseContent(content);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== "CATALOGUE_INVALID") throw thrown;
    return thrown.details["problems"] as string[];
  }
}

test("[CATALOGUE1] content that holds together has no problems, and every mistake in it is named", () => {
  expect(problemsOf(() => {})).toEqual([]);
  const mistakes: [string, (content: Loose) => void][] = [
    [
      "recipes.dye.takes: no item glitter",
      ({ recipes }) => Object.assign(recipes["dye"], { takes: { items: { glitter: 1 } } }),
    ],
    ["recipes.dye.gives: nothing in it", ({ recipes }) => Object.assign(recipes["dye"], { gives: {} })],
    [
      "loot.chest.entries.0: no currency gems",
      ({ loot }) => Object.assign(loot["chest"]["entries"][0], { gives: { currencies: { gems: 1 } } }),
    ],
    ["loot.chest.pity: no entry 1", ({ loot }) => Object.assign(loot["chest"], { pity: { after: 2, entry: 1 } })],
    [
      "offers.skin.price: no currency silver",
      ({ offers }) => Object.assign(offers["skin"]["price"], { currency: "silver" }),
    ],
    [
      "offers.skin: it ends before it begins",
      ({ offers }) => Object.assign(offers["skin"], { from: "2026-02-01T00:00:00Z", until: "2026-01-01T00:00:00Z" }),
    ],
    [
      "leaderboards.hunters: no stat wins",
      ({ leaderboards }) => Object.assign(leaderboards["hunters"], { stat: "wins" }),
    ],
    [
      "rewards.arena.1: no item hat",
      ({ rewards }) => Object.assign(rewards["arena"], { byPlacement: [{ items: { hat: 1 } }] }),
    ],
    [
      "items.dust: only a unique item is worn or expires",
      ({ items }) => Object.assign(items["dust"], { slot: "body" }),
    ],
    ["items.skin: only a stack has a max", ({ items }) => Object.assign(items["skin"], { max: 3 })],
  ];
  for (const [problem, change] of mistakes) expect(problemsOf(change)).toEqual([problem]);
  for (const amount of [0, -1, 1.5, 2 ** 53, Number.NaN, "1"]) {
    const [problem] = problemsOf(({ offers }) => Object.assign(offers["skin"]["price"], { amount }));
    expect(problem).toMatch(/^offers\.skin\.price\.amount: /);
  }
  expect(() => aServer({ ...withSkins, currencies: {} })).toThrow(AppError);
});

test("[CATALOGUE2] new content counts at once, and the same again adds no version, however many bring it", async () => {
  const first = aServer(small);
  await first.bring();
  const version = first.version();
  await Promise.all(Array.from({ length: 8 }, () => aServer(small).bring()));
  const next = aServer(withSkins);
  await next.bring();
  expect(next.version()).toBeGreaterThan(version);
  expect(next.content().offers).toHaveProperty("skin");
  const rows = await sql`select version from umpire.catalogue_versions`;
  expect(rows).toHaveLength(2);
});

test("[CATALOGUE3] an older server that starts again follows what counts now", async () => {
  const older = aServer(small);
  await older.bring();
  expect(older.content().offers).toHaveProperty("skin");
});

test("[CATALOGUE4] old versions stay readable, and one that counts again counts everywhere after the next look", async () => {
  const [here, there] = [aServer(withSkins), aServer(withSkins)];
  await Promise.all([here.bring(), there.bring()]);
  const [old] = await sql<{ version: number }[]>`select min(version) as version from umpire.catalogue_versions`;
  const version = old?.version ?? 0;
  expect((await here.contentOf(version)).offers).toEqual({});
  const latest = here.version();
  expect(await db.transaction((tx) => here.activate(tx, version))).toEqual({ before: latest });
  expect(here.content().offers).toHaveProperty("skin");
  await here.refresh();
  expect(here.content().offers).toEqual({});
  expect(there.content().offers).toHaveProperty("skin");
  await there.refresh();
  expect([there.version(), there.content().offers]).toEqual([version, {}]);
  expect(await here.active()).toMatchObject({ version, activatedAt: clock.date() });
  const versions = await here.versions({ limit: 100 });
  expect(versions.map((one) => one.version)).toEqual([latest, version]);
  expect(await here.versions({ before: latest, limit: 1 })).toEqual(versions.slice(1));
  const unknown = db.transaction((tx) => here.activate(tx, 999));
  await expect(unknown).rejects.toMatchObject({ code: "CATALOGUE_VERSION_UNKNOWN" });
});

test("[CATALOGUE5] what is shown has no loot table and no reward in it", () => {
  const [shown] = catalogueRoutes(aServer(withSkins));
  const reply = shown?.reply.parse({ version: 1, content: parseContent(withSkins) });
  expect(JSON.stringify(reply)).toContain("hunters");
  expect(reply).not.toHaveProperty("content.loot");
  expect(reply).not.toHaveProperty("content.rewards");
});
