import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One line of a corpus: what it is, and its bytes. */
export interface NamedFrame {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface NamedRequest {
  readonly name: string;
  /** The whole request as text, without a body's length when it has none. */
  readonly text: string;
}

/** `name: hex`, one frame a line; a line that begins with # says something about what follows. */
export function readFrames(file: "attacks.txt" | "honest.txt"): NamedFrame[] {
  return readLines(file).map((line) => {
    const [name = "", hex = ""] = line.split(": ");
    return { name, bytes: Buffer.from(hex.replaceAll(" ", ""), "hex") };
  });
}

/** `name: request`, one a line, in JSON's notation for text: line ends are written out. */
export function readRequests(): NamedRequest[] {
  return readLines("requests.txt").map((line) => {
    const end = line.indexOf(": ");
    return { name: line.slice(0, end), text: JSON.parse(line.slice(end + 2)) as string };
  });
}

function readLines(file: string): string[] {
  const text = readFileSync(join(import.meta.dirname, "corpus", file), "utf8");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
