import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type AgentChannel, openAgentChannel } from "./agent-channel.ts";
import { type AgentTask, type FromAgent, type ToAgent, toAgent } from "./agent-messages.ts";
import type { Crew } from "./crew.ts";
import { planHash, planRun } from "./plan.ts";
import { secondsOf } from "./population.ts";
import { startWorkers } from "./workers.ts";

export interface AgentOptions {
  readonly host: string;
  readonly port: number;
  /** LOADTEST_KEY, as the coordinator has it. */
  readonly key: string;
  /** Processes, instead of as many as the coordinator says. */
  readonly workers?: number | undefined;
  readonly onWord?: (words: string) => void;
  readonly signal?: AbortSignal;
}

type Channel = AgentChannel<ToAgent>;

/** A coordinator is given this long to be there. */
const DIALS_MAX = 60;
const DIAL_AGAIN_MS = 500;

/** Plays one run for a coordinator: its share of the plan, with processes of this machine. Fails with what went wrong, in words. */
export async function playAsAgent(options: AgentOptions): Promise<void> {
  const { host, port, key, onWord = () => {}, signal } = options;
  const socket = await dial(host, port, signal);
  const hangUp = () => socket.destroy();
  signal?.addEventListener("abort", hangUp);
  try {
    const channel = await openAgentChannel(socket, { side: "agent", secret: key, incoming: toAgent });
    const task = await channel.receive();
    if (task.is !== "task") throw new Error(`The coordinator said ${task.is} and no task.`);
    const { index, of } = task.share;
    onWord(`playing part ${index + 1} of ${of} against ${task.endpoint}`);
    await play(channel, task, options);
  } finally {
    signal?.removeEventListener("abort", hangUp);
    socket.destroy();
  }
}

async function play(channel: Channel, task: AgentTask, { key, workers = task.workers }: AgentOptions): Promise<void> {
  const { seed, bots, network, share, endpoint, runName } = task;
  const scenario = { ...task.scenario, budgets: {} } as Parameters<typeof planRun>[0];
  const plan = planRun(scenario, { seed, bots, network: network ?? undefined });
  if (planHash(plan) !== task.planHash) {
    const words = "this agent draws another plan from the same seed: run the same version on both machines";
    tell(channel, { is: "refused", words });
    throw new Error(words);
  }
  const crew = await startWorkers(
    {
      plan: plan.filter(({ number }) => number % share.of === share.index),
      workers,
      endpoint,
      loadtestKey: key,
      runName,
      seconds: secondsOf(scenario),
    },
    {
      onReport: (report) => tell(channel, { is: "report", report }),
      onLost: (words) => tell(channel, { is: "lost", words: words.slice(0, 1000) }),
    },
  );
  try {
    tell(channel, { is: "ready" });
    const obeying = obey(channel, crew);
    await Promise.race([crew.done, obeying]);
    tell(channel, { is: "done" });
    // The coordinator hangs up when it has heard everything.
    await obeying.catch(() => {});
  } finally {
    await crew.end();
  }
}

/** Fails when the coordinator is gone: nobody would hear what is seen, and bots without a run are an attack. */
async function obey(channel: Channel, crew: Crew): Promise<never> {
  for (;;) {
    const message = await channel.receive();
    if (message.is === "ping") tell(channel, { is: "pong" });
    if (message.is === "start") crew.start(message.inMs);
    if (message.is === "abort") crew.abort();
  }
}

async function dial(host: string, port: number, signal: AbortSignal | undefined) {
  for (let attempt = 1; ; attempt++) {
    const socket = connect({ host, port, noDelay: true });
    const failure = await new Promise<Error | null>((resolve) => {
      socket.once("connect", () => resolve(null));
      socket.once("error", resolve);
    });
    if (failure === null) return socket;
    if (attempt === DIALS_MAX || signal?.aborted)
      throw new Error(`No coordinator at ${host}:${port}: ${failure.message}`);
    await pause(DIAL_AGAIN_MS);
  }
}

function tell(channel: Channel, message: FromAgent): void {
  channel.send(message);
}
