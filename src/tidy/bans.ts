import type { Code, Violation } from "./code.ts";
import { layerOf } from "./layers.ts";

interface Ban {
  readonly rule: string;
  readonly uses: RegExp;
  /** Files that may: the one place where the thing is made available to everyone else. Their own tests may, too. */
  readonly homes: readonly string[];
  /** Layers that the ban does not reach. */
  readonly freeLayers?: readonly string[];
  /** Layers that the ban is for; all of them when absent. */
  readonly onlyLayers?: readonly string[];
  readonly cure: string;
}

const CLOCKS = ["src/platform/clock.ts", "src/platform/jobs.ts"];
/** What measures, drives or draws. It keeps no promise about game time, so it may read a stopwatch and set a timer. */
const OUTSIDE_GAME_TIME = [
  "test",
  "testing",
  "config",
  "loadtest",
  "fuzz",
  "chaos",
  "deploy",
  "bench",
  "page",
  "console",
  "client",
];
const ROOMS = ["room", "simulation"];

const BANS: readonly Ban[] = [
  {
    rule: "TIDY4",
    uses: /^(Date\.now|new Date\(\)|Date\(\))$/,
    homes: CLOCKS,
    cure: "take a Clock and call clock.now() or clock.date(); a stopwatch in tests, bench and loadtest is performance.now()",
  },
  {
    rule: "TIDY4",
    uses: /^setInterval\(\)$/,
    homes: CLOCKS,
    freeLayers: OUTSIDE_GAME_TIME,
    cure: "clock.every(periodMs, task), or a job in src/platform/jobs.ts",
  },
  {
    rule: "TIDY4",
    uses: /^(performance\.(now|timeOrigin)|process\.hrtime(\.bigint)?)$/,
    homes: CLOCKS,
    freeLayers: OUTSIDE_GAME_TIME,
    cure: "take a Clock and call clock.monotonicMs()",
  },
  {
    rule: "TIDY4",
    uses: /^Math\.random$/,
    homes: [],
    cure: "take a Random; a simulation draws from a seed in its world, a browser from crypto.getRandomValues()",
  },
  {
    rule: "TIDY4",
    uses: /^process\.env$/,
    homes: ["src/platform/config.ts"],
    freeLayers: ["test", "testing", "config", "loadtest", "chaos", "deploy", "bench"],
    cure: "read it in src/platform/config.ts and pass the value in",
  },
  {
    rule: "TIDY4",
    uses: /^(setTimeout|setInterval|setImmediate|queueMicrotask)\(\)$/,
    homes: [],
    onlyLayers: ROOMS,
    cure: "a delay is a dueTick in the world, so that it survives a move to another process",
  },
  {
    rule: "TIDY5",
    uses: /^(Date\.|new Date\(|performance\.|process\.|crypto\.|Intl\.|console\.|fetch\()/,
    homes: [],
    onlyLayers: ["simulation"],
    cure: "a step knows only its world, its inputs and dt; pass what it needs as an argument",
  },
  {
    rule: "TIDY5",
    uses: /^(\*\*|Math\.(?!(abs|ceil|clz32|floor|fround|imul|max|min|round|sign|sqrt|trunc)$)[a-z]\w*)$/,
    homes: [],
    onlyLayers: ["simulation"],
    cure: "engines round it differently: multiply, use Math.sqrt, or look it up in trigonometry.ts",
  },
];

/** The one simulation file that may call Math.sin: it builds a table whose entries it then rounds. */
const TABLE_BUILDER = /^rooms\/[^/]+\/trigonometry\.ts$/;

export function checkBans(code: readonly Code[]): Violation[] {
  return code.flatMap((file) => {
    const layer = layerOf(file.path) ?? "";
    const bans = BANS.filter((ban) => reaches(ban, file.path, layer));
    return file.uses.flatMap(({ name, line }) => {
      const ban = bans.find(({ uses }) => uses.test(name));
      if (ban === undefined || (name.startsWith("Math.") && name !== "Math.random" && TABLE_BUILDER.test(file.path)))
        return [];
      return [{ rule: ban.rule, path: file.path, what: `uses ${name} in line ${line}`, cure: ban.cure }];
    });
  });
}

function reaches({ homes, freeLayers, onlyLayers }: Ban, path: string, layer: string): boolean {
  if (homes.includes(path.replace(/\.test\.ts$/, ".ts"))) return false;
  return onlyLayers?.includes(layer) ?? !freeLayers?.includes(layer);
}
