import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { type ArenaWorld, wearables } from "../../schema/state/arena.ts";
import { startTestApp } from "../../src/testing/app.ts";
import { openBrowser } from "../../src/testing/browser.ts";
import { catalogue } from "../catalogue/index.ts";
import { rooms } from "../index.ts";
import { createPages } from "./serve.ts";
import { hunt, look, read } from "./test-hunter.ts";

const pages = await createPages({ mode: "built" });
/** Enough of what a match brings, without having to play for it. */
const purse = {
  title: "A full purse",
  gives: { items: { scrap: 50 }, currencies: { gold: 500 } },
  price: { kind: "money", money: { currency: "EUR", amount: 199 } },
} as const;
const app = await startTestApp({
  rooms,
  catalogue: { ...catalogue, offers: { ...catalogue.offers, purse } },
  pages: pages.serve,
  settings: { BOT_FILL: "0" },
});
const browser = await openBrowser();
/** Small, because without a graphics card every pixel is drawn by the processor that also runs server and tests. */
const VIEWPORT = { width: 640, height: 400 };
const artefacts = join(import.meta.dirname, "../../artefacts");

interface Tab {
  readonly page: Page;
  /** What the console said, and what was asked of other hosts. */
  readonly complaints: string[];
}

async function openTab(): Promise<Tab> {
  const context = await browser.newContext({ viewport: VIEWPORT });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const isOurs = !message.text().includes("GL Driver Message");
    if (["error", "warning"].includes(message.type()) && isOurs) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(app.url)) complaints.push(request.url());
  });
  await page.goto(app.url);
  return { page, complaints };
}

async function play({ page }: Tab): Promise<void> {
  await page.getByRole("radio", { name: "Duel" }).click();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await page.waitForFunction(() => window.umpire?.view === "arena");
}

test("[PAGE1] opening the page makes a guest by a cookie that no script can read, and a reload keeps it", async () => {
  const tab = await openTab();
  await tab.page.getByText(/Guest/).first().waitFor();
  const card = await tab.page.locator("body").innerText();
  expect(await tab.page.evaluate(() => document.cookie)).toBe("");
  const [cookie] = await tab.page.context().cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  const me = async () =>
    (await tab.page.request.get(`${app.url}/api/accounts/me`)).json() as Promise<{ id: string; displayName: string }>;
  const { id, displayName } = await me();
  expect(card).toContain(displayName);
  await tab.page.reload();
  await tab.page.getByText(displayName).first().waitFor();
  expect((await me()).id).toBe(id);
});

test("[PAGE2][PAGE3][PAGE5][PAGE8] two pages see each other, one shoots the other, and scores, results and account agree", async () => {
  const [hunter, prey] = [await openTab(), await openTab()];
  await play(hunter);
  await play(prey);
  for (const { page } of [hunter, prey]) {
    await page.waitForFunction(() => window.umpire?.phase === "playing" && window.umpire.players.length === 2);
  }
  const seen = await look(hunter);
  const there = await read(prey, (hook) => hook.position(hook.slot));
  expect(Math.hypot((seen.other?.x ?? 0) - (there?.x ?? 99), (seen.other?.y ?? 0) - (there?.y ?? 99))).toBeLessThan(
    0.5,
  );

  await hunt(hunter, 1);
  await mkdir(artefacts, { recursive: true });
  await hunter.page.screenshot({ path: join(artefacts, "duel.png") });
  const slot = await read(hunter, (hook) => hook.slot);
  await prey.page.waitForFunction((at) => window.umpire?.score(at)?.kills === 1, slot);
  expect(await read(prey, (hook) => hook.score())).toEqual({ kills: 0, deaths: 1 });

  // Whoever leaves a duel loses it.
  await prey.page.getByRole("button", { name: "Leave" }).click();
  await hunter.page.waitForFunction(() => window.umpire?.phase === "results");
  await hunter.page.getByText(/XP/).first().waitFor();
  await hunter.page.screenshot({ path: join(artefacts, "results.png") });
  const reply = await hunter.page.request.get(`${app.url}/api/progression/matches`);
  const { matches } = (await reply.json()) as { matches: { xpGained: number }[] };
  expect(matches).toMatchObject([{ mode: "duel", kills: 1, deaths: 0, placement: 1 }]);
  expect(await hunter.page.locator("body").innerText()).toContain(`+${matches[0]?.xpGained} XP`);
  await hunter.page.getByText("+60 gold").waitFor();

  await hunter.page.getByRole("button", { name: "Leave" }).click();
  await hunter.page.getByRole("status", { name: "Purse" }).getByText("60 gold").waitFor();
  const profile = await openSection(hunter, "Profile");
  await profile.getByText(`${matches[0]?.xpGained} of 100 XP to level 2`).waitFor();
  expect(await profile.getByRole("row").last().innerText()).toMatch(/^#1\s+Duel\s+1 \/ 0\s/);
  expect(await profile.getByText("Most kills in a match").locator("..").innerText()).toMatch(/\n1$/);
  const board = await openSection(hunter, "Leaderboard");
  await board.getByRole("button", { name: "This week" }).click();
  await board.getByRole("button", { name: "This week", pressed: true }).waitFor();
  expect(await board.getByRole("row").nth(1).innerText()).toMatch(/^1\s.+you\s+1\s/);
  expect([hunter.complaints, prey.complaints].map(withoutGuest)).toEqual([[], []]);
}, 120_000);

/** A page without a session asks who it is and hears 401, which the browser writes to the console. */
const withoutGuest = (complaints: readonly string[]) => complaints.filter((line) => !line.includes("401"));

/** Goes there by the bar, and waits until it is drawn. */
async function openSection({ page }: Tab, title: string): Promise<Locator> {
  await page.getByRole("button", { name: title, exact: true }).click();
  const sheet = page.getByRole("region", { name: title, exact: true });
  await sheet.getByRole("region").first().waitFor();
  return sheet;
}

test("[PAGE9][PAGE10] a guest pays on a test checkout, buys once although an answer is lost, crafts, and all see it worn", async () => {
  const tab = await openTab();
  const { page } = tab;
  const dialog = page.getByRole("dialog");
  const confirm = (action: string) => dialog.getByRole("button", { name: action }).click();
  const inPurse = (amount: string) => page.getByRole("status", { name: "Purse" }).getByText(amount).waitFor();

  // A server that takes no test payments has nothing to sell for money.
  const providers = "**/api/payments/providers";
  await page.route(providers, (route) => route.fulfill({ json: { providers: ["stripe"] } }));
  const shop = await openSection(tab, "Shop");
  expect(await shop.getByRole("button", { name: "€" }).count()).toBe(0);
  await page.unroute(providers);
  await openSection(tab, "Shop");
  expect(await shop.getByRole("button", { name: "Buy Ember" }).isDisabled()).toBe(true);
  await shop.getByRole("button", { name: "Buy 100 gems for €4.99" }).click();
  await dialog.getByText("takes no real money").waitFor();
  await confirm("Pay €4.99");
  await inPurse("100 gems");
  await shop.getByRole("button", { name: /^Buy .* for €1.99/ }).click();
  await confirm("Pay €1.99");
  await inPurse("500 gold");

  // The purchase is made, but its answer does not arrive; pressing again sends the same key.
  const keys: string[] = [];
  await page.route("**/api/store/purchases", async (route) => {
    keys.push((route.request().postDataJSON() as { key: string }).key);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    await route.abort();
  });
  await shop.getByRole("button", { name: "Buy Ember" }).click();
  await confirm("Buy for 300 gold");
  await dialog.getByRole("alert").getByText("could not be reached").waitFor();
  await confirm("Buy for 300 gold");
  await inPurse("200 gold");
  expect(new Set(keys).size).toBe(1);
  await shop.getByText("Yours").waitFor();

  const inventory = await openSection(tab, "Inventory");
  await inventory.getByRole("button", { name: "Craft" }).click();
  await confirm("Craft");
  await inPurse("0 gold");
  for (const item of ["Ember", "Comet"]) {
    await inventory.getByRole("button", { name: `Wear ${item}` }).click();
    await inventory.getByRole("button", { name: `Take off ${item}` }).waitFor();
  }
  await page.keyboard.press("Escape");

  const other = await app.join<ArenaWorld>(await app.guest(), "arena", { mode: "duel" });
  for (const type of ["welcome", "events"]) other.onMessage(type, () => {});
  await play(tab);
  const worn = () => read(tab, (hook) => hook.players.find(({ slot }) => slot === hook.slot));
  await page.waitForFunction(() => window.umpire?.players.some(({ skin }) => skin !== null));
  expect(await worn()).toMatchObject({ skin: "skin-ember", trail: "trail-comet" });
  const seen = [...other.state.players.values()].map(({ skin, trail }) => [
    wearables.skin[skin],
    wearables.trail[trail],
  ]);
  expect(seen).toEqual([
    [null, null],
    ["skin-ember", "trail-comet"],
  ]);
  await other.leave();
  // Of these, the browser itself says that the answer was lost.
  expect(withoutGuest(tab.complaints).filter((line) => !line.includes("ERR_FAILED"))).toEqual([]);
}, 60_000);

test("[PAGE4] a page that is reloaded in a match goes on with it", async () => {
  const tab = await openTab();
  await play(tab);
  const slot = await read(tab, (hook) => hook.slot);
  await tab.page.reload();
  await tab.page.waitForFunction(() => window.umpire?.view === "arena" && window.umpire.isConnected);
  expect(await read(tab, (hook) => hook.slot)).toBe(slot);
}, 60_000);

test("[PAGE6] S32: the page needs nothing that its content policy forbids, and what is put into it cannot run", async () => {
  const context = await browser.newContext({ viewport: VIEWPORT });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.addInitScript(() => {
    const violations: string[] = [];
    Object.assign(window, { violations });
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      violations.push(`${violatedDirective} ${blockedURI}`);
    });
  });
  const violations = () => page.evaluate(() => (window as unknown as { violations: string[] }).violations);
  const opened = await page.goto(`${app.url}/?offline=duel&auto`);
  const policy = opened?.headers()["content-security-policy"] ?? "";
  expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(policy).not.toMatch(/unsafe|\*|https?:|wss?:/);
  await page.waitForFunction(() => window.umpire?.view === "arena" && window.umpire.players.length > 1);
  await page.goto(app.url);
  await page.getByRole("radio", { name: "Duel" }).click();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await page.waitForFunction(() => window.umpire?.view === "arena");
  expect(await violations()).toEqual([]);

  await page.evaluate(() => {
    document.body.insertAdjacentHTML("beforeend", `<img src="/nothing" onerror="window.taken = 1">`);
    const script = document.createElement("script");
    script.textContent = "window.taken = 2";
    document.body.append(script);
    void fetch("https://evil.example/").catch(() => {});
  });
  await page.waitForFunction(() => (window as unknown as { violations: string[] }).violations.length >= 3);
  expect((await violations()).map((text) => text.split(" ")[0]).sort()).toEqual([
    "connect-src",
    "script-src-attr",
    "script-src-elem",
  ]);
  expect(await page.evaluate(() => "taken" in window)).toBe(false);
});

test("[PAGE6] S32: the built page comes with no source map, and what it is built from is not served", async () => {
  const files = await readdir(join(import.meta.dirname, "../../dist/page"), { recursive: true });
  expect(files.filter((name) => name.endsWith(".map"))).toEqual([]);
  for (const name of files.filter((file) => file.endsWith(".js"))) {
    const response = await fetch(`${app.url}/${name}`);
    expect([name, response.status]).toEqual([name, 200]);
    expect(await response.text()).not.toContain("sourceMappingURL");
    expect((await fetch(`${app.url}/${name}.map`)).status).toBe(404);
  }
  for (const path of [
    "/main.ts",
    "/serve.ts",
    "/.sources",
    "/../package.json",
    "/%2e%2e/package.json",
    "/@vite/client",
  ]) {
    expect([path, (await fetch(app.url + path)).status]).toEqual([path, 404]);
  }
});
