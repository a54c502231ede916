import { checkBans } from "./bans.ts";
import { isCode, parseCode, type SourceFile, type Violation } from "./code.ts";
import { checkErrorCodes } from "./error-codes.ts";
import { checkLayers } from "./layers.ts";
import { checkBarrels, checkNames } from "./names.ts";
import { checkPromises } from "./promises.ts";
import { checkTables } from "./tables.ts";
import { checkTexts, checkTitles } from "./texts.ts";

/** Checks a whole repository, given as its files. It reads nothing else, so a test can plant any violation. */
export function checkTidy(files: readonly SourceFile[]): Violation[] {
  const code = files.filter(({ path }) => isCode(path)).map(parseCode);
  const sqlFiles = files.filter(({ path }) => path.endsWith(".sql"));
  const written = files.filter(({ path }) => path !== "package-lock.json");
  return [
    ...code.flatMap(({ path, syntaxError }) =>
      syntaxError === null
        ? []
        : [{ rule: "TIDY1", path, what: `does not parse: ${syntaxError}`, cure: "mend the syntax" }],
    ),
    ...checkLayers(code),
    ...checkTables(code, sqlFiles),
    ...checkBans(code),
    ...checkPromises(code, written),
    ...checkNames(files),
    ...checkBarrels(code),
    ...checkTexts(written),
    ...checkTitles(written),
    ...checkErrorCodes(code),
  ];
}

/** One line for a person: the file, the rule, and what to do. */
export function describeViolation({ rule, path, what, cure }: Violation): string {
  return `${path} ${what} [${rule}, see src/tidy/SPEC.md]. Cure: ${cure}.`;
}
