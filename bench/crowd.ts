import { createInterface } from "node:readline";
import { createLightCrowd, type LightCrowd } from "../loadtest/bots/light-crowd.ts";
import { TICK_HZ } from "./contenders/movement.ts";
import { dialects, type Goal } from "./dialects.ts";

/** What the runner asks of the process in which the bots live. One question at a time. */
export type CrowdQuestion =
  | { readonly do: "open"; readonly contender: string; readonly goal: Goal }
  | { readonly do: "signIn"; readonly count: number }
  | { readonly do: "join"; readonly count: number }
  | { readonly do: "play"; readonly isPlaying: boolean }
  | { readonly do: "count" }
  | { readonly do: "leave" };

export type CrowdAnswer =
  | { readonly failure: string }
  | {
      readonly joinMs: readonly number[];
      readonly connected: number;
      readonly bytes: number;
      readonly patches: number;
    };

let crowd: LightCrowd | undefined;

async function answer(question: CrowdQuestion): Promise<CrowdAnswer> {
  if (question.do === "open") {
    const dialect = dialects[question.contender]?.(question.goal);
    if (dialect === undefined) return { failure: `Bots do not speak to ${question.contender}.` };
    crowd = createLightCrowd({ dialect, inputHz: TICK_HZ });
  }
  if (question.do === "signIn") await crowd?.signIn(question.count);
  const joined = question.do === "join" ? ((await crowd?.join(question.count)) ?? []) : [];
  if (question.do === "play") crowd?.play(question.isPlaying);
  if (question.do === "leave") await crowd?.stop();
  const { connected, bytes, patches } = crowd?.counts() ?? { connected: 0, bytes: 0, patches: 0 };
  return { joinMs: joined.map(({ joinMs }) => joinMs), connected, bytes, patches };
}

function tell(reply: CrowdAnswer): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

const questions = createInterface({ input: process.stdin });
questions.on("line", (line) => {
  answer(JSON.parse(line) as CrowdQuestion).then(tell, (thrown: unknown) => tell({ failure: String(thrown) }));
});
process.on("SIGINT", () => {});
questions.on("close", () => process.exit(0));
