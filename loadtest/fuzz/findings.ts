/** What the server's log says that it should not have had to say. */
export interface Findings {
  /** Each kind of INTERNAL, with how often it came: every one is a defect. */
  readonly internals: Readonly<Record<string, number>>;
  /** INTERNALs of handlers that are written to stumble. */
  readonly expected: number;
  /** Exceptions and rejections that nobody caught. */
  readonly uncaught: readonly string[];
}

/** The rooms whose handlers take whatever comes without a look at it, as a beginner's do; one of them breaks the step. */
const NAIVE = /^(open-)?(yard|relay)$/;
const KINDS_MAX = 50;

/** Reads the server's log as it is written and keeps only what matters. */
export class LogReader {
  readonly #internals = new Map<string, number>();
  #expected = 0;
  readonly #uncaught: string[] = [];

  readonly read = (line: string): void => {
    // Cheap first: a million hostile frames make as many lines.
    if (!line.includes('"level":"error"') && line.startsWith("{")) return;
    if (!line.startsWith("{")) {
      // The lines of a stack say no more than the first.
      if (/^\S/.test(line)) this.#count(`not a log line: ${line.slice(0, 160)}`);
      return;
    }
    const { msg, room, hook, route, path, err } = JSON.parse(line) as Record<string, string> & {
      err?: { type: string; message: string };
    };
    // Coded refusals, such as 503, are answers and no defects; whoever was held up shows in the gaps.
    if (err?.type === "AppError" || msg === "loop.stuck") return;
    const what = `${msg} ${room ?? route ?? path ?? ""} ${hook ?? ""}: ${err?.type}: ${err?.message?.slice(0, 120)}`;
    if (/uncaught|unhandled/.test(msg ?? "")) this.#uncaught.push(line.slice(0, 2000));
    else if (NAIVE.test(room ?? "") && /^(message |step$)/.test(hook ?? "")) this.#expected += 1;
    else this.#count(err === undefined ? line.slice(0, 300) : what);
  };

  get findings(): Findings {
    return { internals: Object.fromEntries(this.#internals), expected: this.#expected, uncaught: this.#uncaught };
  }

  #count(what: string): void {
    if (this.#internals.size < KINDS_MAX || this.#internals.has(what)) {
      this.#internals.set(what, (this.#internals.get(what) ?? 0) + 1);
    }
  }
}
