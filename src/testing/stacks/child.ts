/** A server that a test runs in a process of its own, because what the test does may hang or end it. */
export interface ChildStatus {
  readonly rssBytes: number;
  /** What is in use and not yet garbage: the heap, and buffers outside of it. */
  readonly heapBytes: number;
  readonly cpuMs: number;
  /** What keeps the loop alive: sockets, timers, and whatever else has a name in Node. */
  readonly resources: readonly string[];
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly value?: unknown;
}

/**
 * Tells the parent the port and answers its questions; leaves when the parent does. A question that a server has no
 * answer of its own for is about the process: `status` after a collection of garbage, `rss`, `cpuMs`, or `clock`, which steps the wall clock by so many milliseconds.
 */
export function serveParent(port: number, answers: Readonly<Record<string, (value: unknown) => unknown>> = {}): void {
  const own = { status, clock: stepWallClock, rss: () => process.memoryUsage.rss(), cpuMs };
  const known: Readonly<Record<string, (value: unknown) => unknown>> = { ...own, ...answers };
  process.on("message", async ({ id, name, value }: Question) => {
    const answer = await known[name]?.(value);
    process.send?.({ id, answer });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.({ port });
}

function status(): ChildStatus {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  return { rssBytes: rss, heapBytes: heapUsed + external, cpuMs: cpuMs(), resources };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const wallClock = Reflect.get(Date, "now") as () => number;
let wallClockAheadMs = 0;
// From the start, because the engine keeps a reference to the function.
Reflect.set(Date, "now", () => wallClock() + wallClockAheadMs);

/** What NTP or a resumed machine does: the wall clock is suddenly elsewhere, while monotonic time goes on. */
function stepWallClock(aheadMs: unknown): void {
  wallClockAheadMs = Number(aheadMs);
}
