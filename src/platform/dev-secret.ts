import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mintServerSecret } from "./config.ts";
import { makeDataFolder } from "./data-folder.ts";
import { cryptoRandom } from "./random.ts";

/**
 * The secret of a server that was given none: made at the first start and kept beside its database, readable by its
 * owner only, so that tickets and reconnection tokens outlive a restart. Production insists on SERVER_SECRET.
 */
export async function developmentSecret(dataFolder: string): Promise<string> {
  const file = join(dataFolder, "secret");
  await makeDataFolder(dataFolder);
  try {
    await writeFile(file, mintServerSecret(cryptoRandom), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return await readFile(file, "utf8");
}
