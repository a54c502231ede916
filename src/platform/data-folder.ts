import { mkdir } from "node:fs/promises";

/** Root's server runs its Postgres as another user, who has to pass through; nobody else may even look. */
const MODE = process.getuid?.() === 0 ? 0o711 : 0o700;

/**
 * Makes DATA_DIR, closed to other users. One that is there already is left as it is: it may be shared on purpose, and
 * everything in it is closed by itself.
 */
export async function makeDataFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: MODE });
}
