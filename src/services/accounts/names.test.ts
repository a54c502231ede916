import { expect, test } from "vitest";
import { displayNameSchema } from "./names.ts";

test.each([
  ["a zero-width space", "Bra\u200bve"],
  ["a zero-width joiner", "Bra\u200dve"],
  ["an override of direction", "\u202eevarB"],
  ["an isolate of direction", "\u2066Brave"],
  ["a line break", "Bra\r\nve"],
  ["an escape sequence", "\u001b[31mBrave"],
  ["100 KB", "B".repeat(100_000)],
  ["nothing that can be seen", " \u00a0 "],
])("[ACCOUNTS1] S35: a name with %s is refused", (_what, name) => {
  expect(displayNameSchema.safeParse(name).success).toBe(false);
});

test("[ACCOUNTS1] S35: a name is kept in its composed form, without blanks around it, and markup is only text", () => {
  expect(displayNameSchema.parse("  Ame\u0301lie ")).toBe("Am\u00e9lie");
  expect(displayNameSchema.parse("<b>Otter</b>")).toBe("<b>Otter</b>");
});
