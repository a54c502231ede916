import { posix } from "node:path";
import { type ESTree, parseSync, Visitor } from "vite";

/** One file of the repository: its path from the root and all of its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A broken rule. `rule` is the promise in SPEC.md; `cure` is what to do about it. */
export interface Violation {
  readonly rule: string;
  readonly path: string;
  readonly what: string;
  readonly cure: string;
}

export interface Import {
  readonly specifier: string;
  /** Path from the root for an import of the project's own, otherwise null. */
  readonly target: string | null;
  /** Erased before the code runs. `import { type A }` is not: Node still loads the module. */
  readonly typeOnly: boolean;
}

/** What code reaches for, as written: `Date.now`, `new Date()`, `new Date(…)`, `setInterval()`, `**`. */
export interface Use {
  readonly name: string;
  readonly line: number;
}

export interface TestTitle {
  readonly text: string;
  /** True for a test that runs; a describe, a skipped test or a todo proves nothing. */
  readonly runs: boolean;
}

/** A file of TypeScript or JavaScript, parsed once for all rules. */
export interface Code extends SourceFile {
  readonly program: ESTree.Program;
  readonly syntaxError: string | null;
  readonly imports: readonly Import[];
  readonly uses: readonly Use[];
  readonly testTitles: readonly TestTitle[];
  /** String and template literals; `tag` is the function a template is handed to. */
  readonly texts: readonly { readonly text: string; readonly tag: string }[];
}

export function isCode(path: string): boolean {
  return /\.(tsx?|mjs|js)$/.test(path);
}

/** The parser is Vite's own (oxc), so a string or a comment that looks like an import never counts as one. */
export function parseCode({ path, text }: SourceFile): Code {
  const { program, errors } = parseSync(path, text);
  const imports: Import[] = [];
  const uses: Use[] = [];
  const testTitles: TestTitle[] = [];
  const texts: { text: string; tag: string }[] = [];
  const visitor = new Visitor({
    ...importVisitors((specifier, typeOnly) => imports.push({ specifier, typeOnly, target: target(path, specifier) })),
    ...useVisitors((name, node) => uses.push({ name, line: lineOf(text, node.start) })),
    CallExpression(node) {
      const callee = dotted(node.callee);
      if (callee !== "") uses.push({ name: `${callee}()`, line: lineOf(text, node.start) });
      const title = testTitle(node);
      if (title !== null) testTitles.push(title);
    },
    Literal(node) {
      if (typeof node.value === "string") texts.push({ text: node.value, tag: "" });
    },
    TemplateLiteral(node) {
      texts.push({ text: templateText(node), tag: "" });
    },
    TaggedTemplateExpression(node) {
      texts.push({ text: templateText(node.quasi), tag: dotted(node.tag) });
    },
  });
  visitor.visit(program);
  return { path, text, program, syntaxError: errors[0]?.message ?? null, imports, uses, testTitles, texts };
}

/** `a.b.c` for a chain of plain names, without the global object in front; an empty string for anything else. */
export function dotted(node: ESTree.Node): string {
  if (node.type === "Identifier") return /^(globalThis|window|self|global)$/.test(node.name) ? "" : node.name;
  if (node.type === "ChainExpression" || node.type === "ParenthesizedExpression") return dotted(node.expression);
  if (node.type !== "MemberExpression") return "";
  const property = node.computed
    ? stringValue(node.property)
    : node.property.type === "Identifier" && node.property.name;
  if (!property) return "";
  const object = dotted(node.object);
  return object === "" && node.object.type !== "Identifier" ? "" : [object, property].filter(Boolean).join(".");
}

/** The text of a string or a template without holes, otherwise null. */
export function stringValue(node: ESTree.Node | undefined): string | null {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) return templateText(node);
  return null;
}

/** Every way in which one file can name another. */
function importVisitors(found: (specifier: string, typeOnly: boolean) => void) {
  return {
    ImportDeclaration: (node: ESTree.ImportDeclaration) => found(node.source.value, node.importKind === "type"),
    ExportAllDeclaration: (node: ESTree.ExportAllDeclaration) => found(node.source.value, node.exportKind === "type"),
    ExportNamedDeclaration(node: ESTree.ExportNamedDeclaration) {
      if (node.source !== null) found(node.source.value, node.exportKind === "type");
    },
    ImportExpression: (node: ESTree.ImportExpression) => found(stringValue(node.source) ?? "", false),
    TSImportType: (node: ESTree.TSImportType) => found(node.source.value, true),
    TSExternalModuleReference: (node: ESTree.TSExternalModuleReference) => found(node.expression.value, false),
  };
}

/** `const { now } = Date` counts as `Date.now`. */
function useVisitors(found: (name: string, node: ESTree.Node) => void) {
  return {
    MemberExpression(node: ESTree.MemberExpression) {
      const name = dotted(node);
      if (name !== "") found(name, node);
    },
    NewExpression(node: ESTree.NewExpression) {
      found(`new ${dotted(node.callee)}(${node.arguments.length === 0 ? "" : "…"})`, node);
    },
    BinaryExpression(node: ESTree.BinaryExpression) {
      const isPowerOfTwo = node.left.type === "Literal" && node.left.value === 2;
      if (node.operator === "**" && !isPowerOfTwo) found("**", node);
    },
    AssignmentExpression(node: ESTree.AssignmentExpression) {
      if (node.operator === "**=") found("**", node);
    },
    VariableDeclarator(node: ESTree.VariableDeclarator) {
      if (node.id.type !== "ObjectPattern" || node.init === null) return;
      for (const property of node.id.properties) {
        if (property.type !== "Property" || property.key.type !== "Identifier") continue;
        found([dotted(node.init), property.key.name].filter(Boolean).join("."), property);
      }
    },
  };
}

function testTitle(node: ESTree.CallExpression): TestTitle | null {
  let callee: ESTree.Node = node.callee;
  while (callee.type === "CallExpression") callee = callee.callee;
  const names = dotted(callee).split(".");
  if (!/^(test|it|describe|suite|[a-z]\w*Test)$/.test(names[0] ?? "")) return null;
  const first = node.arguments[0];
  const text = first?.type === "TemplateLiteral" ? templateText(first) : stringValue(first);
  if (text === null) return null;
  return {
    text,
    runs: !/^(describe|suite)$/.test(names[0] ?? "") && !names.includes("skip") && !names.includes("todo"),
  };
}

function templateText(node: ESTree.TemplateLiteral): string {
  return node.quasis.map((quasi) => quasi.value.cooked ?? quasi.value.raw).join("?");
}

function target(path: string, specifier: string): string | null {
  if (specifier.startsWith("/")) return specifier.slice(1);
  return specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : null;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
