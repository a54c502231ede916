import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Place } from "./movement.ts";

/** What a contender says once it accepts players. */
export interface Ready {
  readonly port: number;
  /** Processes that belong to it and are told apart: its database. */
  readonly companions: readonly number[];
}

/** Every player's place as the server has it, by `<room id>/<player's name in the state>`. */
export type Truth = Readonly<Record<string, Place>>;

export type FromContender = { readonly ready: Ready } | { readonly truth: Truth };

interface ContenderParts extends Ready {
  readonly truth: () => Promise<Truth>;
  readonly stop?: () => Promise<void>;
}

/**
 * A contender hears the runner on its standard input and speaks on a pipe of its own. Not over an IPC channel: with one
 * in the process, a package that the stock engine loads begins to send measurements over it.
 */
export const SPEAKING_FD = 3;

/**
 * Tells the runner that this process serves, answers its questions, and ends with it: also after a Ctrl-C, which reaches
 * every process of the terminal, so that a database is stopped and not left behind.
 */
export function serveContender({ port, companions, truth, stop = async () => {} }: ContenderParts): void {
  const tell = (message: FromContender) => {
    try {
      writeSync(SPEAKING_FD, `${JSON.stringify(message)}\n`);
    } catch {
      // Nobody listens any more. The other pipe says so too, and ends this process in good order.
    }
  };
  process.on("SIGINT", () => {});
  const questions = createInterface({ input: process.stdin });
  questions.on("line", () => {
    truth().then(
      (places) => tell({ truth: places }),
      (error: unknown) => process.stderr.write(`${error}\n`),
    );
  });
  questions.on("close", () => {
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  tell({ ready: { port, companions } });
}
