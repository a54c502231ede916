import { type Code, type Import, isCode, type Violation } from "./code.ts";

/**
 * DESIGN's table "who may import whom". Every file of code has exactly one layer, the first that matches its path.
 * A file may import its own layer (a service, a room and its simulation only their own folder) and what `may` names;
 * "as type" stands for `import type`, which is gone before the code runs.
 */
const LAYERS: readonly Layer[] = [
  { name: "test", path: /\.(test|soak)\.tsx?$/, may: ["anything"] },
  { name: "testing", path: /^src\/testing\//, may: ["anything"] },
  { name: "config", path: /(^|\/)[a-z.-]+\.config\.ts$/, may: ["anything"] },
  { name: "tidy", path: /^src\/tidy\//, may: [] },
  { name: "preflight", path: /^src\/preflight\.mjs$/, may: [] },
  {
    name: "main",
    path: /^src\/main\.ts$/,
    may: [
      "app",
      "cluster",
      "rooms",
      "room as type",
      "catalogue",
      "page server",
      "services as type",
      "platform",
      "schema",
    ],
  },
  {
    name: "app",
    path: /^src\/app\.ts$/,
    may: ["realtime", "cluster", "services", "service", "platform", "schema", "state"],
  },
  { name: "services", path: /^src\/services\/[^/]+\.ts$/, may: ["service", "platform", "schema"] },
  { name: "service", path: /^src\/services\/[^/]+\//, may: ["platform", "schema", "service as type"] },
  {
    name: "realtime",
    path: /^src\/realtime\//,
    may: ["cluster", "services as type", "service as type", "platform", "schema", "state"],
  },
  { name: "cluster", path: /^src\/cluster\//, may: ["platform", "schema"] },
  { name: "platform", path: /^src\/platform\//, may: ["schema"] },
  { name: "client", path: /^src\/client\//, may: ["schema", "state", "main as type"], browser: true },
  { name: "console", path: /^src\/console\//, may: ["client", "schema", "state", "simulation"], browser: true },
  { name: "tables", path: /^schema\/tables\//, may: [] },
  { name: "state", path: /^schema\/state\//, may: ["schema"], browser: true },
  { name: "schema", path: /^schema\//, may: [], browser: true },
  { name: "rooms", path: /^rooms\/index\.ts$/, may: ["room", "catalogue", "realtime", "schema", "state"] },
  { name: "catalogue", path: /^rooms\/catalogue\//, may: ["schema", "state", "service as type"] },
  { name: "page server", path: /^rooms\/page\/serve\.ts$/, may: ["realtime as type", "platform", "schema"] },
  {
    name: "page",
    path: /^rooms\/page\//,
    may: ["client", "schema", "state", "simulation", "catalogue", "room as type"],
    browser: true,
  },
  {
    name: "room",
    path: /^rooms\/[^/]+\/room\.ts$/,
    may: ["simulation", "catalogue", "realtime", "platform", "schema", "state", "services as type", "service as type"],
  },
  { name: "simulation", path: /^rooms\/[^/]+\//, may: ["schema as type", "state as type"], browser: true },
  // A fuzzer starts the server that it attacks, as a test does.
  { name: "fuzz", path: /^loadtest\/fuzz\//, may: ["testing", "loadtest", "schema"] },
  // Who kills servers and judges what they kept starts them, and looks into every table.
  { name: "chaos", path: /^loadtest\/chaos\//, may: ["testing", "loadtest", "platform", "schema"] },
  // Likewise who takes a server's backup and asks the copy.
  { name: "deploy", path: /^deploy\//, may: ["chaos", "platform", "schema"] },
  { name: "loadtest", path: /^loadtest\//, may: ["client", "schema", "state", "simulation", "catalogue"] },
  {
    name: "bench",
    path: /^bench\//,
    may: [
      "app",
      "realtime",
      "cluster",
      "services",
      "service",
      "platform",
      "client",
      "schema",
      "state",
      "rooms",
      "room",
      "simulation",
      "catalogue",
      "loadtest",
    ],
  },
];

/** What a bundle of the content amounts to: functions of their arguments, so that every service may call them. */
const PURE = /^src\/services\/catalogue\/bundles\.ts$/;

/** Packages with few homes: the engine is met in one place, and the rest of the house does not depend on it. */
const PACKAGES: readonly { package: RegExp; homes: RegExp; cure: string; typesAreFree?: true }[] = [
  {
    package: /^colyseus(\/|$)/,
    homes: /^$/,
    cure: "import from @colyseus/core, /ws-transport, /schema or /sdk: the bundle loads .env files and swallows rejections",
  },
  {
    package: /^@colyseus\/(core|ws-transport|redis-driver|redis-presence)(\/|$)/,
    homes: /^src\/(realtime\/|cluster\/|platform\/http\.ts$|testing\/)|^bench\//,
    cure: "only src/realtime/, src/cluster/ and src/platform/http.ts speak to the engine; ask one of them for what you need",
  },
  {
    package: /^@colyseus\/schema(\/|$)/,
    homes: /^(schema\/state|src\/realtime|src\/testing|loadtest\/bots|bench)\//,
    cure: "declare state in schema/state/<room>.ts and import that",
  },
  {
    package: /^@colyseus\/sdk(\/|$)/,
    homes: /^(src\/client|src\/testing|bench)\//,
    cure: "speak to a server through src/client/",
  },
  {
    package: /^(postgres|drizzle-orm\/postgres-js)(\/|$)/,
    homes: /^src\/platform\/postgres-driver\.ts$/,
    cure: "take the driver from src/platform/postgres-driver.ts, which cures its defects as it loads",
    typesAreFree: true,
  },
];

interface Layer {
  readonly name: string;
  readonly path: RegExp;
  readonly may: readonly string[];
  /** Also runs in a browser, where Node's own modules do not exist. */
  readonly browser?: boolean;
}

/** The name of the layer a file of code belongs to, or null when it lies outside the tree that DESIGN draws. */
export function layerOf(path: string): string | null {
  return findLayer(path)?.name ?? null;
}

export function checkLayers(files: readonly Code[]): Violation[] {
  return files.flatMap((file) => {
    const layer = findLayer(file.path);
    if (layer === undefined) {
      const cure =
        "move it into a layer of the tree, or add the layer to src/tidy/layers.ts and to src/ARCHITECTURE.md";
      return [{ rule: "TIDY1", path: file.path, what: "belongs to no layer", cure }];
    }
    return file.imports.flatMap((found) => [...ownImport(file, layer, found), ...packageImport(file, layer, found)]);
  });
}

/** An import of the project's own. Tables are left to `checkTables`: who may see one depends on whose it is. */
function ownImport({ path }: Code, layer: Layer, { target, typeOnly }: Import): Violation[] {
  const into = target === null || !isCode(target) ? undefined : findLayer(target);
  if (target === null || into === undefined || into.name === "tables" || layer.may.includes("anything")) return [];
  const foreignRoom =
    /^(room|simulation)$/.test(layer.name) && into.name === "simulation" && folder(path) !== folder(target);
  const isFree = layer.name !== "service" || PURE.test(target);
  const own = into === layer && (isFree || folder(path) === folder(target));
  const asType = layer.may.includes(`${into.name} as type`);
  if (!foreignRoom && (own || layer.may.includes(into.name) || (asType && typeOnly))) return [];
  const cure = asType
    ? "write `import type`, and be handed the instance"
    : `${layer.name} may import ${layer.may.join(", ") || "only itself"}; pass the thing in, or move it to where both may see it`;
  return [{ rule: "TIDY1", path, what: `(${layer.name}) imports ${target} (${into.name})`, cure }];
}

function packageImport({ path }: Code, layer: Layer, { specifier, target, typeOnly }: Import): Violation[] {
  if (target !== null) return [];
  const banned = PACKAGES.find((entry) => entry.package.test(specifier));
  const isFreeType = typeOnly && banned?.typesAreFree === true;
  const free = isFreeType || (layer.name === "test" && !specifier.startsWith("colyseus"));
  if (banned !== undefined && !banned.homes.test(path) && !free) {
    return [{ rule: "TIDY2", path, what: `imports ${specifier}`, cure: banned.cure }];
  }
  if (layer.name === "simulation") {
    const cure = "a simulation is arithmetic on the world and its inputs; what it needs is an argument";
    return [{ rule: "TIDY2", path, what: `(simulation) imports ${specifier}`, cure }];
  }
  if (layer.browser && !typeOnly && specifier.startsWith("node:")) {
    return [{ rule: "TIDY2", path, what: `imports ${specifier}, but also runs in a browser`, cure: "use a web API" }];
  }
  return [];
}

function findLayer(path: string): Layer | undefined {
  return LAYERS.find((layer) => layer.path.test(path));
}

/** `src/services/wallet` of `src/services/wallet/rules.ts`, `rooms/arena` of `rooms/arena/room.ts`. */
function folder(path: string): string {
  return path.split("/", path.startsWith("src/") ? 3 : 2).join("/");
}
