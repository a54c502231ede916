/** A piece of a line, in one colour. */
export interface Span {
  readonly text: string;
  readonly style?: "good" | "near" | "bad" | "faint" | "bold";
}

export type TerminalLine = readonly Span[];

export interface Output {
  write(text: string): unknown;
  /** Of a terminal; a resize changes them. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

const ESCAPE = "\u001b[";
const CODES = { good: "32", near: "33", bad: "31", faint: "2", bold: "1" } as const;
/** Terminals that know it show what lies between both at once; others ignore it. */
const [BEGIN_UPDATE, END_UPDATE] = [`${ESCAPE}?2026h`, `${ESCAPE}?2026l`];

/** Some lines at the bottom of a terminal that are drawn over again, each time with one write and without clearing first. */
export class TerminalBlock {
  readonly #out: Output;
  readonly #hasColour: boolean;
  #drawnWidths: readonly number[] = [];

  constructor(out: Output, hasColour: boolean) {
    this.#out = out;
    this.#hasColour = hasColour;
  }

  draw(lines: readonly TerminalLine[], columns: number): void {
    const shown = lines.slice(0, Math.max(1, (this.#out.rows ?? Number.POSITIVE_INFINITY) - 1));
    // A full line would wrap in some terminals and not in others.
    const cut = shown.map((line) => cutTo(line, columns - 1));
    const text = cut.map((line) => `${this.#written(line)}${ESCAPE}K\n`).join("");
    this.#out.write(`${BEGIN_UPDATE}${this.#backToTop(columns)}${text}${ESCAPE}J${END_UPDATE}`);
    this.#drawnWidths = cut.map(widthOf);
  }

  /** Leaves these lines behind in the block's place, however long they are. */
  replaceBy(lines: readonly TerminalLine[], columns: number): void {
    const text = lines.map((line) => `${this.#written(line)}${ESCAPE}K\n`).join("");
    this.#out.write(`${BEGIN_UPDATE}${this.#backToTop(columns)}${ESCAPE}J${text}${END_UPDATE}`);
    this.#drawnWidths = [];
  }

  /** A terminal that was made narrower has wrapped what was drawn. */
  #backToTop(columns: number): string {
    const rows = this.#drawnWidths.reduce((total, width) => total + Math.max(1, Math.ceil(width / columns)), 0);
    return rows === 0 ? "\r" : `\r${ESCAPE}${rows}A`;
  }

  #written(line: TerminalLine): string {
    return this.#hasColour ? line.map(coloured).join("") : textOf(line);
  }
}

export function textOf(line: TerminalLine): string {
  return line.map(({ text }) => text).join("");
}

/** Another's words: a code of a server must not move the cursor. */
export function harmless(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}

function coloured({ text, style }: Span): string {
  return style === undefined ? text : `${ESCAPE}${CODES[style]}m${text}${ESCAPE}0m`;
}

function widthOf(line: TerminalLine): number {
  return textOf(line).length;
}

function cutTo(line: TerminalLine, width: number): TerminalLine {
  let left = Math.max(0, width);
  return line.map((span) => {
    const text = span.text.slice(0, left);
    left -= text.length;
    return { ...span, text };
  });
}
