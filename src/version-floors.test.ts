import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import {
  belowFloor,
  copiesOf,
  type Lockfile,
  withForeignLicence,
  withoutIntegrity,
  withUnjudgedScript,
} from "./tidy/lockfile.ts";
import floors from "./version-floors.json" with { type: "json" };

const lockfile: Lockfile = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));

/** The real lockfile with one more package in it. */
function planted(place: string, entry: Lockfile["packages"][string]): Lockfile {
  return { packages: { ...lockfile.packages, [place]: entry } };
}

test("[SUPPLY1] every locked package is at or above its floor", () => {
  expect(belowFloor(lockfile, floors)).toEqual([]);
});

test.each([
  ["node_modules/ws", "8.21.0"],
  ["node_modules/some-proxy/node_modules/ws", "7.5.10"],
  ["node_modules/ws", "8.21.1-beta.1"],
  ["node_modules/ws", ""],
])("[SUPPLY1] an old version planted at %s (%s) is found", (place, version) => {
  expect(belowFloor(planted(place, { version }), floors)).toHaveLength(1);
});

test.each(["8.21.1", "8.100.0", "10.0.0"])("[SUPPLY1] ws %s is new enough", (version) => {
  expect(belowFloor(planted("node_modules/ws", { version }), floors)).toEqual([]);
});

test("[SUPPLY1] a floor whose package is gone is found", () => {
  const stale = [{ package: "left-pad", floor: "1.0.0", advisory: "none", why: "It is gone." }];
  expect(belowFloor(lockfile, stale)).toHaveLength(1);
});

test("[SUPPLY2] one copy of @colyseus/schema is locked, and a second is found", () => {
  expect(copiesOf(lockfile, "@colyseus/schema")).toEqual(["node_modules/@colyseus/schema"]);
  const second = planted("node_modules/@colyseus/sdk/node_modules/@colyseus/schema", { version: "4.0.0" });
  expect(copiesOf(second, "@colyseus/schema")).toHaveLength(2);
});

test("[SUPPLY3] every locked package carries an integrity hash, and one without is found", () => {
  expect(withoutIntegrity(lockfile)).toEqual([]);
  expect(withoutIntegrity(planted("node_modules/a", { version: "1.0.0" }))).toEqual(["node_modules/a"]);
});

test("[SUPPLY4] every locked package has an accepted licence, and others are found", () => {
  expect(withForeignLicence(lockfile)).toEqual([]);
  expect(withForeignLicence(planted("node_modules/a", { license: "AGPL-3.0-only" }))).toEqual(["a: AGPL-3.0-only"]);
  expect(withForeignLicence(planted("node_modules/a", { license: "(MIT AND GPL-3.0-only)" }))).toHaveLength(1);
  expect(withForeignLicence(planted("node_modules/a", {}))).toEqual(["a: none"]);
});

test("[SUPPLY5] every install script was judged, and a new one is found", () => {
  expect(withUnjudgedScript(lockfile, packageJson.allowScripts)).toEqual([]);
  const scripted = planted("node_modules/a", { version: "1.0.0", hasInstallScript: true });
  expect(withUnjudgedScript(scripted, packageJson.allowScripts)).toEqual(["a"]);
});
