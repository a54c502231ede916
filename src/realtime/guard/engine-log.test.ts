import { expect, test } from "vitest";
import { cryptoRandom, secretText } from "../../platform/random.ts";
import { createEngineLog } from "./engine-log.ts";

test("[DOOR10] S11: what the engine quotes of session ids, tokens and tickets is left out of the log", () => {
  const lines: string[] = [];
  const log = createEngineLog({ debug: ((entry: object) => void lines.push(JSON.stringify(entry))) as never });
  const secrets = Array.from({ length: 50 }, () => secretText(cryptoRandom, 128));
  for (const [index, secret] of secrets.entries()) {
    log.info(`remote room (abc) timed out, requesting "checkReconnectionToken with args ["${secret}"]"`);
    log.error(new Error(`no seat for ${secret}`), { toString: () => `header.${secret}.signature` }, index);
  }
  expect(lines).toHaveLength(100);
  expect(lines[0]).toContain("timed out, requesting");
  for (const secret of secrets) expect(lines.join("\n")).not.toContain(secret);
});
