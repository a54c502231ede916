import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { type Random, secretText } from "../../platform/random.ts";

/** Why a message was not believed. */
export type Distrust = "forged" | "malformed" | "misdirected" | "stale" | "replayed";

const messageShape = z.strictObject({
  /** The channel that it was published on. */
  to: z.string().max(256),
  /** The process that says so. */
  from: z.string().min(1).max(64),
  /** By the clock that processes share, in ms. */
  at: z.number().int(),
  /** Another for each message. */
  nonce: z.string().length(22),
  body: z.unknown(),
});

export type SignedMessage = z.output<typeof messageShape>;

interface MessageParts {
  /** SERVER_SECRET: whoever has it is one of us, and nobody else is. */
  readonly secret: string;
  readonly random: Random;
  /** Monotonic, for how long a message is remembered. */
  readonly monotonicMs: () => number;
  /** The clock that processes share. */
  readonly sharedMs: () => number;
}

/** Older or younger by this much, a message is none of now. */
const WINDOW_MS = 10_000;
/** Longer than any message could still be believed. */
const REMEMBERED_MS = 3 * WINDOW_MS;
const NONCE_BITS = 128;
const MAC_CHARS = 43;
const MESSAGE_CHARS_MAX = 256 * 1024;

/**
 * Messages between processes, over a Redis on which others may publish, too: only what one of us has said, to this
 * channel, just now and for the first time, is believed.
 */
export function createSignedMessages({ secret, random, monotonicMs, sharedMs }: MessageParts) {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", "umpire cluster message", 32)));
  const macOf = (text: string) => createHmac("sha256", key).update(text).digest();
  const seen = createMemory(monotonicMs);
  return {
    write({ to, from, body }: Pick<SignedMessage, "to" | "from" | "body">): { text: string; nonce: string } {
      const nonce = secretText(random, NONCE_BITS);
      const message: SignedMessage = { to, from, at: Math.round(sharedMs()), nonce, body };
      const text = JSON.stringify(message);
      return { text: macOf(text).toString("base64url") + text, nonce };
    },
    /** What was said, or why it is not believed. */
    read(text: string, channel: string): SignedMessage | Distrust {
      if (text.length > MESSAGE_CHARS_MAX) return "malformed";
      const said = text.slice(MAC_CHARS);
      const mac = Buffer.from(text.slice(0, MAC_CHARS), "base64url");
      const expected = macOf(said);
      if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return "forged";
      const parsed = messageShape.safeParse(JSON.parse(said));
      if (!parsed.success) return "malformed";
      if (parsed.data.to !== channel) return "misdirected";
      if (Math.abs(sharedMs() - parsed.data.at) > WINDOW_MS) return "stale";
      return seen.isFirst(parsed.data.nonce) ? parsed.data : "replayed";
    },
  };
}

/** Marks what is kept where others may write, too, as one of ours. It says nothing of when that was. */
export function createSeal(secret: string) {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", "umpire cluster seal", 32)));
  const macOf = (text: string) => createHmac("sha256", key).update(text).digest();
  return {
    seal: (text: string) => macOf(text).toString("base64url") + text,
    /** Null when it is none of ours. */
    open(sealed: string): string | null {
      const text = sealed.slice(MAC_CHARS);
      const mac = Buffer.from(sealed.slice(0, MAC_CHARS), "base64url");
      const expected = macOf(text);
      return mac.length === expected.length && timingSafeEqual(mac, expected) ? text : null;
    },
  };
}

/** What has been seen of late. Only what one of us has signed is kept, so that no stranger fills it. */
function createMemory(monotonicMs: () => number) {
  const untilMs = new Map<string, number>();
  return {
    isFirst(nonce: string): boolean {
      const nowMs = monotonicMs();
      // In the order of their end: the first that is not over ends the look.
      for (const [old, endMs] of untilMs) {
        if (endMs > nowMs) break;
        untilMs.delete(old);
      }
      if (untilMs.has(nonce)) return false;
      untilMs.set(nonce, nowMs + REMEMBERED_MS);
      return true;
    },
  };
}
