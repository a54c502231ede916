/** What this project reads of package-lock.json: every installed place and the package that lies there. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  /** Set when the place's name is an alias. */
  readonly name?: string;
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
}

/** The oldest version without a known hole, and what is wrong with older ones. */
export interface Floor {
  readonly package: string;
  readonly floor: string;
  readonly advisory: string;
  readonly why: string;
}

/** Licences that allow shipping a game server without publishing its source. MPL-2.0 binds only its own files. */
const LICENCES = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "MPL-2.0",
  "Unlicense",
  "Zlib",
]);

/** Packages whose package.json does not say it in SPDX, read by a person. */
const LICENCES_READ: Readonly<Record<string, string>> = {
  "@colyseus/playground": "MIT",
  "@pm2/io": "Apache-2.0",
};

export function belowFloor(lockfile: Lockfile, floors: readonly Floor[]): string[] {
  return floors.flatMap(({ package: name, floor, advisory, why }) => {
    const versions = locked(lockfile).flatMap((entry) => (entry.name === name ? [entry.version ?? ""] : []));
    if (versions.length === 0) return [`${name} is not locked any more: take its floor out of src/version-floors.json`];
    return versions
      .filter((version) => isOlder(version, floor))
      .map(
        (version) =>
          `${name} ${version} is older than ${floor} (${advisory}). ${why} Cure: npm install ${name}@^${floor}`,
      );
  });
}

export function copiesOf(lockfile: Lockfile, name: string): string[] {
  return locked(lockfile).flatMap((entry) => (entry.name === name ? [entry.place] : []));
}

export function withoutIntegrity(lockfile: Lockfile): string[] {
  return locked(lockfile).flatMap(({ place, integrity }) => (/^sha512-/.test(integrity ?? "") ? [] : [place]));
}

export function withForeignLicence(lockfile: Lockfile): string[] {
  return locked(lockfile).flatMap(({ name, license }) => {
    const parts = (LICENCES_READ[name] ?? license ?? "none").split(/\s+(?:AND|OR)\s+|[()]/).filter(Boolean);
    return parts.every((part) => LICENCES.has(part)) ? [] : [`${name}: ${license ?? "none"}`];
  });
}

export function withUnjudgedScript(lockfile: Lockfile, allowScripts: Readonly<Record<string, boolean>>): string[] {
  const names = locked(lockfile).flatMap(({ name, hasInstallScript }) => (hasInstallScript ? [name] : []));
  return [...new Set(names)].filter((name) => !(name in allowScripts));
}

/** Every installed place but the project itself, with the package's real name. */
function locked({ packages }: Lockfile): (LockedPackage & { place: string; name: string })[] {
  return Object.entries(packages)
    .filter(([place]) => place.includes("node_modules/"))
    .map(([place, entry]) => ({ ...entry, place, name: entry.name ?? place.replace(/^.*node_modules\//, "") }));
}

/** Compares `1.2.3`; a version before a release (`1.2.3-beta`) is older than the release. */
function isOlder(version: string, floor: string): boolean {
  const found = version.split("-")[0]?.split(".").map(Number) ?? [];
  const least = floor.split(".").map(Number);
  const place = least.findIndex((part, index) => found[index] !== part);
  return place === -1 ? version.includes("-") : !((found[place] ?? 0) > (least[place] ?? 0));
}
