import type { SourceFile, Violation } from "./code.ts";

/** The brackets change nothing but that this file does not find itself. */
const UNFINISHED = /\b(TO[D]O|FIX[M]E)\b/;
const MACHINE_PATH = /(?<![\w.~/-])\/(work|home|Users)\/\w/;

const SECRETS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{36}/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\b[sr]k_live_[0-9A-Za-z]{10}/,
  /\bxox[abprs]-[0-9A-Za-z-]{10}/,
  /\bAIza[0-9A-Za-z_-]{35}\b/,
  /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/,
];

export function checkTexts(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const problem = (what: string, cure: string): Violation => ({ rule: "TIDY8", path, what, cure });
    return text.split("\n").flatMap((line, index) => {
      const where = `in line ${index + 1}`;
      return [
        ...(UNFINISHED.test(line)
          ? [problem(`leaves a mark of unfinished work ${where}`, "finish it, or open an issue")]
          : []),
        ...(MACHINE_PATH.test(line)
          ? [problem(`names a path of one machine ${where}`, "write it relative to the root")]
          : []),
        ...(SECRETS.some((secret) => secret.test(line))
          ? [
              problem(
                `holds what looks like a secret ${where}`,
                "revoke it; generate it in the test, or read it from config",
              ),
            ]
          : []),
      ];
    });
  });
}

/** One title a document, and it comes first. A `#` inside a fence is not a title. */
export function checkTitles(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(({ path }) => path.endsWith(".md"))
    .flatMap(({ path, text }) => {
      const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "");
      const titles = prose.match(/^# .+/gm)?.length ?? 0;
      if (titles === 1) return [];
      return [
        { rule: "TIDY8", path, what: `has ${titles} titles`, cure: "begin with one `# Title`; sections are `##`" },
      ];
    });
}
