import { AppError } from "./errors.ts";

/** Deeper than any body that this server takes, and shallow enough for whatever walks over one by recursion. */
export const JSON_DEPTH_MAX = 16;
/** What re-parents an object when somebody copies it by assignment. */
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Parses a body from outside. Besides what is not JSON it refuses what two readers could take for two different things:
 * a key given twice, a key that names a prototype, and nesting deeper than JSON_DEPTH_MAX.
 */
export function parseJson(text: string): unknown {
  const value = parseNative(text);
  // The text is JSON by now, so that looking at its quotes and brackets is enough.
  checkKeys(text);
  return value;
}

function parseNative(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("REQUEST_INVALID", { problems: ["the body is not JSON"] });
  }
}

const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;

function checkKeys(text: string): void {
  const open: Set<string>[] = [];
  TOKENS.lastIndex = 0;
  for (let found = TOKENS.exec(text); found !== null; found = TOKENS.exec(text)) {
    const [token, colon] = found;
    if (token === "{" || token === "[") {
      if (open.push(new Set()) > JSON_DEPTH_MAX) refuse(`it is nested deeper than ${JSON_DEPTH_MAX} levels`);
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (colon !== undefined) {
      const key: string = JSON.parse(token.slice(0, -colon.length));
      const keys = open.at(-1);
      if (FORBIDDEN_KEYS.has(key)) refuse("a key of it names a prototype");
      if (keys?.has(key)) refuse("it gives a key twice");
      keys?.add(key);
    }
  }
}

function refuse(problem: string): never {
  throw new AppError("REQUEST_INVALID", { problems: [`the body is refused: ${problem}`] });
}

/** Writes JSON with integers beyond 2^53 as decimal text, in which every reader finds them exact. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));
}
