import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { developmentSecret } from "./dev-secret.ts";

const parent = await mkdtemp(join(tmpdir(), "umpire-secret-"));
afterAll(() => rm(parent, { recursive: true, force: true }));
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("[HTTP14] S40: the data folder and the secret in it are closed to other users, whatever the umask", async () => {
  const former = process.umask(0);
  const folder = join(parent, "a/.data");
  const secret = await developmentSecret(folder).finally(() => process.umask(former));
  // Nobody else may list or write it. Root's own Postgres, which runs as another user, passes through.
  expect(await modeOf(folder)).toBe(process.getuid?.() === 0 ? 0o711 : 0o700);
  expect(await readdir(folder)).toEqual(["secret"]);
  expect(await modeOf(join(folder, "secret"))).toBe(0o600);
  expect(secret.length).toBeGreaterThanOrEqual(32);
  expect(await developmentSecret(folder)).toBe(secret);
});
