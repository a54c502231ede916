import { createTransport } from "nodemailer";
import { z } from "zod";
import type { Clock } from "./clock.ts";
import { AppError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Random } from "./random.ts";

/** A mail in plain text to one address. */
export interface Letter {
  readonly to: string;
  /** One line of at most 200 characters. */
  readonly subject: string;
  readonly text: string;
}

/** Sends mail after the caller has been answered. */
export interface Mail {
  /**
   * Takes a task that writes a letter, or null for none. It runs within half a second, at a random moment: neither the
   * answer to whoever caused it nor the load on the next answers tells whether there was anything to write.
   * Fails at once, whatever there is to write, with MAIL_UNAVAILABLE where this server sends none, and with UNAVAILABLE
   * when too many wait.
   */
  send(write: () => Promise<Letter | null>): void;
  /** Gives what is waiting a few seconds to leave. */
  stop(): Promise<void>;
}

interface MailParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `smtps://user:password@host`. Without it letters are printed, and in production refused. */
  readonly smtpUrl: string | null;
  readonly from: string | null;
  readonly isProduction: boolean;
  /** Where letters are printed, by default standard output. */
  readonly print?: (text: string) => void;
}

const DELAY_MS_MAX = 500;
const WAITING_MAX = 500;
const ATTEMPTS_MAX = 3;
/** Before the second attempt; doubled for the third. */
const RETRY_MS = 2000;
const STOP_MS_MAX = 5000;
const TIMEOUTS = { dnsTimeout: 5000, connectionTimeout: 5000, greetingTimeout: 5000, socketTimeout: 10_000 };

/** What is written here once more is checked here: no header can be smuggled in, whoever composed the letter. */
const letterSchema = z.strictObject({
  to: z.email().max(254),
  subject: z.string().regex(/^\P{Cc}{1,200}$/u),
  text: z.string().max(10_000),
});

export function createMail({ clock, random, log, ...options }: MailParts): Mail {
  const deliverer = createDeliverer(options);
  if (deliverer === null) log.warn({}, "mail.absent");
  const waiting = new Set<Promise<void>>();
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  let isStopping = false;

  const deliver = async (letter: Letter, attempt: number): Promise<void> => {
    try {
      await deliverer?.deliver(letter);
    } catch (thrown) {
      // The mail server's words may recite the address; its codes do not.
      const { code, responseCode } = thrown as { code?: unknown; responseCode?: unknown };
      const isFinal =
        attempt >= ATTEMPTS_MAX || isStopping || (typeof responseCode === "number" && responseCode >= 500);
      log[isFinal ? "error" : "warn"]({ code, responseCode, attempt }, isFinal ? "mail.failed" : "mail.delayed");
      if (isFinal) return;
      await pause(RETRY_MS * attempt);
      await deliver(letter, attempt + 1);
    }
  };
  const post = async (write: () => Promise<Letter | null>): Promise<void> => {
    await pause(random.below(DELAY_MS_MAX));
    try {
      const letter = await write();
      if (letter !== null) await deliver(letterSchema.parse(letter), 1);
    } catch (err) {
      log.error({ err }, "mail.not_written");
    }
  };
  return {
    send(write) {
      if (deliverer === null) throw new AppError("MAIL_UNAVAILABLE");
      if (waiting.size >= WAITING_MAX) throw new AppError("UNAVAILABLE", { retryAfterSeconds: 60 });
      const posted = post(write);
      waiting.add(posted);
      void posted.finally(() => waiting.delete(posted));
    },
    async stop() {
      isStopping = true;
      let giveUp = () => {};
      const late = new Promise<void>((resolve) => {
        giveUp = clock.after(STOP_MS_MAX, resolve);
      });
      await Promise.race([Promise.all(waiting), late]);
      giveUp();
      deliverer?.close();
    },
  };
}

interface Deliverer {
  deliver(letter: Letter): Promise<unknown>;
  close(): void;
}

function createDeliverer({ smtpUrl, from, isProduction, print = printOut }: DelivererOptions): Deliverer | null {
  if (smtpUrl !== null) return bySmtp(smtpUrl, from ?? "");
  return isProduction ? null : byPrinting(print);
}

type DelivererOptions = Pick<MailParts, "smtpUrl" | "from" | "isProduction" | "print">;

function bySmtp(url: string, from: string): Deliverer {
  const closed = { disableFileAccess: true, disableUrlAccess: true };
  const transport = createTransport({ url, pool: true, maxConnections: 2, maxRequeues: 0, ...TIMEOUTS, ...closed });
  return {
    // As an object the address is taken as it is; as text it would be parsed as a list.
    deliver: ({ to, subject, text }) => transport.sendMail({ from, to: { name: "", address: to }, subject, text }),
    close: () => transport.close(),
  };
}

/**
 * For whoever works on the server at its own terminal. The links in these letters are secrets, and this is the one place
 * that shows them: on standard output, so that the log, which is collected and kept, never has one. Never in production.
 */
function byPrinting(print: (text: string) => void): Deliverer {
  return {
    deliver: async ({ to, subject, text }) =>
      print(`\n--- A mail that SMTP_URL would send ---\nTo: ${to}\nSubject: ${subject}\n\n${text}\n---\n\n`),
    close: () => {},
  };
}

function printOut(text: string): void {
  process.stdout.write(text);
}
