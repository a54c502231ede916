import type { Code, SourceFile, Violation } from "./code.ts";

/** More than fit on one screen: then the part does too much, or the promises say how instead of what. */
const PROMISES_MAX = 15;

/** A promise is a line `- **ARENA1** …` of a SPEC.md; its proof is a test whose title contains `[ARENA1]`. */
export function checkPromises(code: readonly Code[], documents: readonly SourceFile[]): Violation[] {
  const promises = documents
    .filter(({ path }) => /(^|\/)SPEC\.md$/.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^\s*[-*] \*\*([A-Z]+\d+)\*\*/gm)].map(([, id = ""]) => ({ id, path })),
    );
  const titles = code.flatMap(({ path, testTitles }) =>
    testTitles.flatMap(({ text, runs }) =>
      [...text.matchAll(/\[([A-Z]+\d+)\]/g)].map(([, id = ""]) => ({ id, path, runs })),
    ),
  );
  const promised = new Set(promises.map(({ id }) => id));
  const proved = new Set(titles.filter(({ runs }) => runs).map(({ id }) => id));
  const problem = (path: string, what: string, cure: string): Violation => ({ rule: "TIDY6", path, what, cure });
  const unproved = promises
    .filter(({ id }) => !proved.has(id))
    .map(({ id, path }) =>
      problem(path, `promises ${id}, which no test proves`, `write test("[${id}] …"), or take it back`),
    );
  const twice = promises
    .filter(({ id }, index) => promises.findIndex((other) => other.id === id) < index)
    .map(({ id, path }) => problem(path, `promises ${id} a second time`, "give each promise a number of its own"));
  const unknown = titles
    .filter(({ id, path }, index) => {
      const first = titles.findIndex((other) => other.id === id && other.path === path);
      return !promised.has(id) && first === index;
    })
    .map(({ id, path }) =>
      problem(path, `cites [${id}], which no SPEC.md promises`, "write the promise, or drop the tag"),
    );
  return [
    ...unproved,
    ...twice,
    ...unknown,
    ...tooMany(promises).map(({ path, what }) => problem(path, what, "split the part")),
  ];
}

function tooMany(promises: readonly { id: string; path: string }[]): { path: string; what: string }[] {
  const counts = new Map<string, number>();
  for (const { id, path } of promises) {
    const key = `${path} ${id.replace(/\d+$/, "")}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].flatMap(([key, count]) => {
    const [path = "", prefix = ""] = key.split(" ");
    return count > PROMISES_MAX
      ? [{ path, what: `makes ${count} promises ${prefix}…, more than ${PROMISES_MAX}` }]
      : [];
  });
}
