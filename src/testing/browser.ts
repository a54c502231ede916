import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { afterAll } from "vitest";

const run = promisify(execFile);
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Without a sandbox because root has none, and without the calls home that a closed network would refuse one by one. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Sound would leave a folder of its server behind.
  "--disable-audio-output",
  // Several pages play at once, and none of them is in front.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/** A real Chromium, closed after the last test. Each context of it is a player with cookies of its own. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: await findChromium(), args: ARGUMENTS });
  afterAll(() => browser.close());
  return browser;
}

/** CHROMIUM_PATH, or one on PATH, or on Debian as root one from its packages; otherwise it fails and says what to do. */
async function findChromium(): Promise<string> {
  const given = process.env["CHROMIUM_PATH"];
  if (given !== undefined) return given;
  const found = await onPath();
  if (found !== null) return found;
  if (process.getuid?.() === 0) {
    await run("apt-get", ["update"]).catch(() => {});
    await run("apt-get", ["install", "-y", "--no-install-recommends", "chromium"]).catch(() => {});
  }
  const installed = await onPath();
  if (installed !== null) return installed;
  throw new Error("The browser tests need Chromium: install it (apt-get install chromium) or set CHROMIUM_PATH.");
}

async function onPath(): Promise<string | null> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const name of NAMES) {
      const file = join(folder, name);
      const isThere = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return file;
    }
  }
  return null;
}
