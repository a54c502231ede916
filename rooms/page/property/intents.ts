import { ClientError } from "../../../src/client/errors.ts";

/** Too early, too much, or a failure on the server's side: the same request may still be carried out. */
const UNSETTLED = new Set([0, 408, 425, 429]);
const KEY_BYTES = 16;

/**
 * Sends what a player wants under one key for as long as nobody knows what became of it: pressing again after a lost
 * answer buys nothing twice. An answer, or a refusal, settles it, and the next wish has a key of its own.
 *
 * `about` is what can be wanted in one way at a time, such as an offer or a slot; `wish` is all that is sent. Another wish
 * about the same takes the place of one that is unsettled.
 */
export type Intents = <Answer>(about: string, wish: string, send: (key: string) => Promise<Answer>) => Promise<Answer>;

export function createIntents(): Intents {
  const unsettled = new Map<string, { wish: string; key: string }>();
  return async (about, wish, send) => {
    const before = unsettled.get(about);
    const intent = before?.wish === wish ? before : { wish, key: mintKey() };
    unsettled.set(about, intent);
    try {
      const answer = await send(intent.key);
      unsettled.delete(about);
      return answer;
    } catch (thrown) {
      if (isSettled(thrown)) unsettled.delete(about);
      throw thrown;
    }
  };
}

function isSettled(thrown: unknown): boolean {
  return thrown instanceof ClientError && thrown.status < 500 && !UNSETTLED.has(thrown.status);
}

/** Not `randomUUID`, which browsers have on https only, and a game is tried on a phone over http. */
function mintKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
