/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | readonly Html[];

/** HTML with everything put into it escaped, because error codes and violations are another server's words. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.reduce((text, string, at) => text + written(parts[at - 1] ?? null) + string) };
}

function written(part: Part): string {
  if (part === null) return "";
  if (typeof part === "string" || typeof part === "number") return escaped(String(part));
  if (isMany(part)) return part.map((each) => each.html).join("");
  return part.html;
}

function isMany(part: Part): part is readonly Html[] {
  return Array.isArray(part);
}

function escaped(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}

/** JSON that can end no script and no line of one. */
export function jsonForScript(data: unknown): string {
  const coded = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, coded);
}
