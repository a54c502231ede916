import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type FromContender, type Ready, SPEAKING_FD, type Truth } from "./contenders/contender.ts";
import type { CrowdAnswer, CrowdQuestion } from "./crowd.ts";
import { cpuMsOf, type Pinning } from "./machine.ts";

const READY_MS_MAX = 60_000;

export interface ServerProcess extends Ready {
  readonly contender: string;
  readonly endpoint: string;
  /** CPU of the server, its descendants and its companions so far, in ms. */
  cpuMs(): number;
  /** The companions' part of it: the database's. */
  companionsCpuMs(): number;
  truth(): Promise<Truth>;
  stop(): Promise<void>;
}

/** Starts a contender in a process of its own and waits until it serves. */
export async function startServer(
  contender: string,
  { pinning, environment }: { pinning: Pinning; environment: Readonly<Record<string, string>> },
): Promise<ServerProcess> {
  const file = join(import.meta.dirname, "contenders", contender, "server.ts");
  const child = spawnNode(file, pinning.server, { ...environment, NODE_ENV: "production" });
  const lines = linesOf(child, SPEAKING_FD);
  const ready = await Promise.race([lines(), deadline(`${contender} was not ready`)]);
  if (ready === undefined) throw new Error(`The contender ${contender} ended before it was ready.`);
  const hello = JSON.parse(ready) as FromContender;
  if (!("ready" in hello)) throw new Error(`The contender ${contender} did not say that it is ready.`);
  const pid = child.pid ?? 0;
  return {
    ...hello.ready,
    contender,
    endpoint: `http://127.0.0.1:${hello.ready.port}`,
    cpuMs: () => cpuMsOf([pid, ...hello.ready.companions]),
    companionsCpuMs: () => cpuMsOf(hello.ready.companions),
    async truth() {
      child.stdin?.write("truth\n");
      const reply = JSON.parse((await lines()) ?? "{}") as FromContender;
      if (!("truth" in reply)) throw new Error(`The contender ${contender} did not say where its players are.`);
      return reply.truth;
    },
    stop: () => endProcess(child),
  };
}

export interface CrowdProcess {
  /** Fails with what the bots were told when they were refused. */
  ask(question: CrowdQuestion): Promise<Exclude<CrowdAnswer, { failure: string }>>;
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Starts the process in which the bots live. */
export function startCrowd(pinning: Pinning): CrowdProcess {
  const child = spawnNode(join(import.meta.dirname, "crowd.ts"), pinning.bots, { NODE_ENV: "production" });
  const lines = linesOf(child, 1);
  return {
    async ask(question) {
      child.stdin?.write(`${JSON.stringify(question)}\n`);
      const line = await lines();
      const reply: CrowdAnswer = line === undefined ? { failure: "The bots' process ended." } : JSON.parse(line);
      if ("failure" in reply) throw new Error(reply.failure);
      return reply;
    },
    cpuMs: () => cpuMsOf([child.pid ?? 0]),
    stop: () => endProcess(child),
  };
}

function spawnNode(file: string, prefix: readonly string[], environment: Readonly<Record<string, string>>) {
  const [command = "", ...args] = [...prefix, process.execPath, file];
  const speaks = file.endsWith("server.ts");
  const stdio: ("pipe" | "ignore" | "inherit")[] = ["pipe", speaks ? "ignore" : "pipe", "inherit", "pipe"];
  return spawn(command, args, { stdio, env: { ...process.env, ...environment } });
}

/** The lines that a child writes, one per call, or undefined when it has ended. */
function linesOf(child: ChildProcess, fd: number): () => Promise<string | undefined> {
  const lines = createInterface({ input: child.stdio[fd] as Readable })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    return done === true ? undefined : value;
  };
}

/** Closing its standard input asks a child to end; one that does not is killed. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.stdin?.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await ended.finally(() => clearTimeout(timer));
}

function deadline(what: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${what} after ${READY_MS_MAX / 1000} s.`)), READY_MS_MAX).unref();
  });
}
