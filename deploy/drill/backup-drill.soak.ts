import { expect, test } from "vitest";
import { drillBackup } from "./backup-drill.ts";

test("[DEPLOY8] T26: what was acknowledged before a backup under load is in its copy once, and the books of the copy balance", async () => {
  const result = await drillBackup({ writers: 1, seconds: 0.2 });
  expect(result).toMatchObject({ suite: "drill", void: null, rows: [{ id: "T26", ok: true }] });
  expect(result.rows[0]?.measured["acknowledged"]).toBeGreaterThan(3);
}, 120_000);
