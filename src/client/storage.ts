/** Where a session token is kept between visits. */
export interface TokenStorage {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** The browser's localStorage in a page that may use it, otherwise memory, which lasts as long as the client. */
export function createTokenStorage(): TokenStorage {
  const page = pageStorage();
  if (page === null) return createMemoryStorage();
  return {
    get: (key) => page.getItem(key),
    set: (key, value) => page.setItem(key, value),
    remove: (key) => page.removeItem(key),
  };
}

export function createMemoryStorage(): TokenStorage {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
  };
}

/** Asks for a document first: newer versions of Node have a localStorage, too, which all bots of a machine would share. */
function pageStorage(): Storage | null {
  try {
    return typeof document === "undefined" ? null : globalThis.localStorage;
  } catch {
    // A page whose reader has forbidden storage may not even look at it.
    return null;
  }
}
