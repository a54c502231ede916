import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { catalogue } from "../rooms/catalogue/index.ts";
import { rooms } from "../rooms/index.ts";
import { startTestApp } from "./testing/app.ts";

const root = join(import.meta.dirname, "..");
const app = await startTestApp({ rooms, catalogue });

test("[START8] the script in the README, with the unmodified SDK alone, plays and finds its experience", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const script = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(script).toContain("http://127.0.0.1:2567");
  // Beside node_modules, where the script finds the SDK.
  const file = join(root, "artefacts/readme-script.mjs");
  await mkdir(join(root, "artefacts"), { recursive: true });
  await writeFile(file, script.replace("http://127.0.0.1:2567", app.url).replace("10_000", "6_000"));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 18_000 });
  await rm(file);
  expect(stdout).toMatch(/^I am in slot \d+$/m);
  expect(stdout).toContain("shot");
  expect(stdout).toMatch(/xp: [1-9]\d*,/);
});
