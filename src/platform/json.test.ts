import { assert, jsonValue, property } from "fast-check";
import { expect, test } from "vitest";
import { JSON_DEPTH_MAX, parseJson } from "./json.ts";

const REFUSED = expect.objectContaining({ code: "REQUEST_INVALID" });

test("[HTTP8] S22: honest JSON is read as JSON.parse reads it", () => {
  const texts = ['{"a":"}{][\\"\\\\","b":[{"a":1},{"a":2}],"c":{"b":null}}', '"__proto__"', '["a","a"]', "1", "[]"];
  for (const text of texts) expect(parseJson(text)).toEqual(JSON.parse(text));
  void assert(
    property(jsonValue({ maxDepth: 4 }), (value) => {
      const text = JSON.stringify(value);
      if (!/"(__proto__|constructor|prototype)":/.test(text)) expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
    { seed: 20_261_122, numRuns: 300 },
  );
});

test("[HTTP8] S22: nesting is counted, not brackets within a text", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  expect(() => parseJson(nested(JSON_DEPTH_MAX))).not.toThrow();
  expect(() => parseJson(nested(JSON_DEPTH_MAX + 1))).toThrow(REFUSED);
  expect(() => parseJson(JSON.stringify(nested(1000)))).not.toThrow();
  expect(() => parseJson(`[${"[],".repeat(1000)}[]]`)).not.toThrow();
});

test("[HTTP8] S22: a key counts by what it means, not by how it is escaped", () => {
  const refused = ['{"a":1,"\\u0061":2}', '{"x":{"const\\u0072uctor":1}}', '[{"__proto__" : 1}]', '{"a":1,', "", "NaN"];
  for (const text of refused) expect(() => parseJson(text), text).toThrow(REFUSED);
});
