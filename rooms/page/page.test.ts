import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../../src/testing/app.ts";
import { openBrowser } from "../../src/testing/browser.ts";
import { isClear } from "../arena/geometry.ts";
import { waypoints } from "../arena/map.ts";
import { hopTowards, nearestWaypoint } from "../arena/navigation.ts";
import type { Point } from "../arena/world.ts";
import { rooms } from "../index.ts";
import { createPages } from "./serve.ts";
import type { UmpireHook } from "./test-hook.ts";

const pages = await createPages({ mode: "built" });
const app = await startTestApp({ rooms, pages: pages.serve, settings: { BOT_FILL: "0" } });
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

/** Reads the page's own picture of the match; the function runs in the browser. */
const read = <T>({ page }: Tab, ask: (hook: UmpireHook) => T): Promise<T> =>
  page.evaluate(`(${ask.toString()})(window.umpire)`) as Promise<T>;

interface Sight {
  self: Point | null;
  other: Point | null;
  onPage: (Point & { isVisible: boolean }) | null;
  kills: number;
  isOtherAlive: boolean;
}

const look = (tab: Tab): Promise<Sight> =>
  read(tab, (hook) => {
    const other = hook.players.find((player) => player.slot !== hook.slot);
    return {
      self: hook.position(hook.slot),
      other: other === undefined ? null : hook.position(other.slot),
      onPage: other === undefined ? null : hook.screenOf(other.slot),
      kills: hook.score()?.kills ?? 0,
      isOtherAlive: other?.alive ?? false,
    };
  });

const KEYS = ["KeyA", "KeyD", "KeyW", "KeyS"] as const;

/** Holds exactly the keys that lead from here to there. */
async function walk({ page }: Tab, held: Set<string>, from: Point, to: Point | null): Promise<void> {
  const dx = to === null ? 0 : to.x - from.x;
  const dy = to === null ? 0 : to.y - from.y;
  const wanted = [dx < -0.5, dx > 0.5, dy < -0.5, dy > 0.5];
  for (const [index, key] of KEYS.entries()) {
    const isWanted = wanted[index] === true;
    if (isWanted === held.has(key)) continue;
    if (isWanted) await page.keyboard.down(key);
    else await page.keyboard.up(key);
    if (isWanted) held.add(key);
    else held.delete(key);
  }
}

/** Plays with mouse and keys as a person does: walks until the other is in sight, then aims and fires. */
async function hunt(tab: Tab, kills: number): Promise<void> {
  const held = new Set<string>();
  let isFiring = false;
  const fire = async (isOn: boolean) => {
    if (isOn && !isFiring) await tab.page.mouse.down();
    if (!isOn && isFiring) await tab.page.mouse.up();
    isFiring = isOn;
  };
  for (let sight = await look(tab); sight.kills < kills; sight = await look(tab)) {
    const { self, other, onPage, isOtherAlive } = sight;
    if (self === null || other === null || onPage === null || !isOtherAlive) {
      await fire(false);
      continue;
    }
    await tab.page.mouse.move(onPage.x, onPage.y);
    // A mouse outside the page reaches nobody.
    const isInSight = onPage.isVisible && isClear(self.x, self.y, other.x, other.y, 0.3);
    const hop = waypoints[hopTowards(nearestWaypoint(self.x, self.y), nearestWaypoint(other.x, other.y))];
    await walk(tab, held, self, isInSight ? null : (hop ?? other));
    await fire(isInSight);
  }
  await fire(false);
  await walk(tab, held, { x: 0, y: 0 }, null);
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

test("[PAGE2][PAGE3][PAGE5] two pages see each other, one shoots the other, and scores, results and account agree", async () => {
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
  expect([hunter.complaints, prey.complaints].map(withoutGuest)).toEqual([[], []]);
}, 120_000);

/** A page without a session asks who it is and hears 401, which the browser writes to the console. */
const withoutGuest = (complaints: readonly string[]) => complaints.filter((line) => !line.includes("401"));

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
