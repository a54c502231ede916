import { type ESTree, Visitor } from "vite";
import { type Code, dotted, type SourceFile, stringValue, type Violation } from "./code.ts";
import { layerOf } from "./layers.ts";

/** Declares the Postgres schema that all tables lie in, and no table. */
const SHARED = "umpire";
const FREE_LAYERS = ["test", "testing", "config", "tables", "tidy", "chaos", "deploy", "bench"];

/** Whoever stores a thing is the only one who reads and writes it: by import of its tables, and by name in SQL. */
export function checkTables(code: readonly Code[], sqlFiles: readonly SourceFile[]): Violation[] {
  const owners = tableOwners(code);
  const inCode = code
    .filter(({ path }) => !FREE_LAYERS.includes(layerOf(path) ?? ""))
    .flatMap((file) => [...foreignImports(file), ...foreignNames(file.path, sqlTexts(file), owners)]);
  const inSql = sqlFiles
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ path, text }) => foreignNames(path, [text], owners));
  return [...inCode, ...inSql];
}

/** Table → feature, read from the declarations: `umpire.table("sessions", …)` in `schema/tables/accounts.ts`. */
function tableOwners(code: readonly Code[]): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { path, program } of code) {
    const feature = featureOfTables(path);
    if (feature === null) continue;
    const visitor = new Visitor({
      CallExpression(node: ESTree.CallExpression) {
        const name = stringValue(node.arguments[0]);
        if (name !== null && /(^|\.)(pg)?(table|view|materializedView|sequence)$/i.test(dotted(node.callee))) {
          owners.set(name, feature);
        }
      },
    });
    visitor.visit(program);
  }
  return owners;
}

function foreignImports({ path, imports }: Code): Violation[] {
  return imports.flatMap(({ target }) => {
    const feature = target === null ? null : featureOfTables(target);
    if (feature === null || feature === SHARED || isHomeOf(feature, path)) return [];
    return [{ rule: "TIDY3", path, what: `imports the tables of ${feature}`, cure: cure(feature) }];
  });
}

function foreignNames(path: string, texts: readonly string[], owners: Map<string, string>): Violation[] {
  const names = new Set(texts.flatMap(tablesNamedIn));
  return [...names].flatMap((name) => {
    const feature = owners.get(name);
    if (feature === undefined || isHomeOf(feature, path)) return [];
    return [{ rule: "TIDY3", path, what: `names the table ${name} of ${feature} in SQL`, cure: cure(feature) }];
  });
}

function cure(feature: string): string {
  return `ask the ${feature} service; where one round trip must do both, call an SQL function that ${feature} supplies`;
}

/** Literals that are SQL: handed to a `sql` tag, or beginning as a statement does. */
function sqlTexts({ texts }: Code): string[] {
  return texts
    .filter(
      ({ text, tag }) =>
        /(^|\.)sql$/i.test(tag) || /^\s*(select|insert|update|delete|with|merge|lock|truncate)\b/i.test(text),
    )
    .map(({ text }) => text);
}

const RELATION = String.raw`(?:"?umpire"?\s*\.\s*)?"?[a-z_][a-z0-9_]*"?(?:\s+(?:as\s+)?[a-z_]\w*)?`;
/** The list is only looked at, so that `join` is found even where it could be read as an alias. */
const RELATIONS = new RegExp(
  String.raw`\b(?:from|join|into|update|using|table|only)\s+(?=(${RELATION}(?:\s*,\s*${RELATION})*))`,
  "gi",
);

/** The relations of an SQL text: what follows `from`, `join`, `into`, …, and every name qualified with the schema. */
function tablesNamedIn(text: string): string[] {
  const listed = [...text.matchAll(RELATIONS)].flatMap(([, list = ""]) => list.split(","));
  const qualified = [...text.matchAll(/"?\bumpire"?\s*\.\s*"?\w+/gi)].map(([name]) => name);
  return [...listed, ...qualified].map((name) => {
    const bare = name.trim().replace(/^"?umpire"?\s*\.\s*/i, "");
    return (/^"?(\w+)/.exec(bare)?.[1] ?? "").toLowerCase();
  });
}

function featureOfTables(path: string): string | null {
  return /^schema\/tables\/([^/.]+)\.ts$/.exec(path)?.[1] ?? null;
}

/** `wallet` is at home in src/services/wallet/, `jobs` in src/platform/jobs.ts, `cluster` in src/cluster/. */
function isHomeOf(feature: string, path: string): boolean {
  const [, layer, name = ""] = path.split("/");
  return (
    path.startsWith("src/") && (layer === feature || name === feature || name.replace(/\.(ts|sql)$/, "") === feature)
  );
}
