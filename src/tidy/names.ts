import type { Code, SourceFile, Violation } from "./code.ts";

const VAGUE = /(^|[-.])(utils?|helpers?|common|misc|managers?)([-.]|$)/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** Names that their readers insist on: SPEC.md, LICENSE, Dockerfile, dot files; drizzle-kit numbers its own. */
const GIVEN = /^([A-Z]+(\.md)?|Dockerfile(\.[a-z]+)?|\..*)$/;
const GENERATED = /^migrations\//;
/** The only indexes: the tables of rooms and of the catalogue, which declare something. */
const INDEX = /^rooms\/(catalogue\/)?index\.ts$/;

/** Files are found by name, so a name says what is inside. */
export function checkNames(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path }) => {
    const parts = path.split("/");
    const vague = parts.find((part) => VAGUE.test(part));
    const crooked = GENERATED.test(path) ? undefined : parts.find((part) => !KEBAB.test(part) && !GIVEN.test(part));
    const problem = (what: string, cure: string): Violation => ({ rule: "TIDY7", path, what, cure });
    return [
      ...(vague === undefined
        ? []
        : [problem(`is named ${vague}`, "name it after what it does; nothing is left over")]),
      ...(crooked === undefined
        ? []
        : [problem(`has ${crooked} in its path`, "write file and folder names in kebab-case")]),
    ];
  });
}

/** A barrel re-exports and adds nothing: it hides where a thing lives and loads all of it for one name. */
export function checkBarrels(code: readonly Code[]): Violation[] {
  return code.flatMap(({ path, program }) => {
    const reexports = program.body.filter(
      (node) =>
        node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && node.source !== null),
    );
    const onlyThat = reexports.length > 0 && reexports.length === program.body.filter(isNotImport).length;
    const all = reexports.some((node) => node.type === "ExportAllDeclaration");
    const index = /(^|\/)index\.tsx?$/.test(path) && !INDEX.test(path);
    if (!onlyThat && !all && !index) return [];
    const what = index ? "is an index file" : "is a barrel";
    return [{ rule: "TIDY7", path, what, cure: "import each name from the file that declares it" }];
  });
}

function isNotImport(node: { readonly type: string }): boolean {
  return node.type !== "ImportDeclaration";
}
