import { BEGIN_MS_MAX, ProcessAwayError } from "../../cluster/calls/call-answers.ts";
import { AppError } from "../../platform/errors.ts";
import type { GameProcess } from "./game-process.ts";
import type { Timeline } from "./timeline.ts";

const GRACE_MS = 250;
const DONE_MS_MAX = 10_000;

/**
 * A call from process to process as cluster/calls/calls.ts makes it: carried out when it arrives in time, or never. Which of them
 * is not known to whoever lost the answer.
 */
export function call<T>(
  from: GameProcess,
  to: GameProcess | null,
  timeline: Timeline,
  work: (process: GameProcess) => Promise<T>,
): Promise<T> {
  if (to === from) return work(from);
  if (!from.link.isUp()) return Promise.reject(new AppError("REDIS_UNAVAILABLE"));
  const lateMs = timeline.nowMs + BEGIN_MS_MAX;
  const { clock } = from.host;
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let cancel = () => {};
    const settle = (run: () => void) => {
      if (isSettled) return;
      isSettled = true;
      cancel();
      run();
    };
    const away = (reason: "gone" | "silent") => () => reject(new ProcessAwayError(to?.id ?? "", reason));
    cancel = clock.after(BEGIN_MS_MAX + GRACE_MS, () => settle(away("silent")));
    // Redis says at once that nobody hears it.
    if (to === null || to.host.state === "crashed") {
      carry(from, from, timeline, () => settle(away("gone")));
      return;
    }
    const back = (run: () => void) => carry(to, from, timeline, run);
    carry(from, to, timeline, () => {
      if (timeline.nowMs > lateMs) return;
      back(() => {
        if (isSettled) return;
        cancel();
        cancel = clock.after(DONE_MS_MAX, () => settle(() => reject(new AppError("UNAVAILABLE"))));
      });
      work(to).then(
        (value) => back(() => settle(() => resolve(value))),
        (thrown: unknown) => back(() => settle(() => reject(thrown))),
      );
    });
  });
}

/** One message, which is lost where either end has lost Redis. */
function carry(from: GameProcess, to: GameProcess, timeline: Timeline, arrive: () => void): void {
  if (!from.link.isUp() || !to.link.isUp() || from.weather.breaks() !== null) return;
  timeline.after(from.weather.delayMs() + to.weather.delayMs(), () => {
    if (to.link.isUp()) to.host.deliver(arrive);
  });
}
