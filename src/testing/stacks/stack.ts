import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { Client, type Room } from "@colyseus/sdk";
import { LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import type { ChildStatus } from "./child.ts";
import { dataFrame, frameCodes, readData } from "./messages.ts";
import { RawSocket } from "./raw-socket.ts";

export type StackName = "stock" | "umpire" | "spike" | "cluster";

/** Who calls: on Umpire a guest with an address of its own, on the stock engine nobody in particular. */
export interface Caller {
  readonly token: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

export interface Seat {
  readonly processId: string;
  readonly roomId: string;
  readonly sessionId: string;
}

/** The server could not be made to stand where the test begins, so the test has shown nothing. */
export class SetupFailed extends Error {
  override readonly name = "SetupFailed";
}

/** What `npm start` loads first. */
const PREFLIGHT = join(import.meta.dirname, "../../preflight.mjs");
const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
interface StackOptions {
  /** By name, for Umpire, which needs a DATABASE_URL or a DATA_DIR. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Takes each line of output instead of keeping them all. */
  readonly onLine?: (line: string) => void;
}

const files: Record<StackName, string> = {
  stock: "stock-server.ts",
  umpire: "umpire-server.ts",
  spike: "spike-server.ts",
  cluster: "cluster-server.ts",
};
let callers = 0;

/** A running server in a process of its own: the unmodified engine, or Umpire. */
export class Stack {
  readonly name: StackName;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #output: string[];
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #questions = 0;

  private constructor(name: StackName, port: number, child: ChildProcess, output: string[]) {
    this.name = name;
    this.port = port;
    this.#child = child;
    this.#output = output;
    child.on("message", ({ id, answer }: { id: number; answer: unknown }) => {
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  /** A server of its own, that ends with this process. */
  static async start(name: StackName, { settings = {}, onLine }: StackOptions = {}): Promise<Stack> {
    const output: string[] = [];
    const child = fork(join(import.meta.dirname, files[name]), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: ["--import", PREFLIGHT, "--disable-warning=ExperimentalWarning", "--expose-gc"],
      // A Ctrl-C is for the parent, which says when the server ends.
      detached: true,
      env: {
        PATH: process.env["PATH"],
        NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
        NODE_ENV: "test",
        PORT: "0",
        METRICS_PORT: "0",
        SERVER_SECRET: LOADTEST_KEY,
        DRAIN_SECONDS: "0",
        LOADTEST_KEY,
        ...settings,
      },
    });
    const keep = onLine === undefined ? (chunk: Buffer) => void output.push(chunk.toString()) : linesOf(onLine);
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    const port = await new Promise<number>((resolve, reject) => {
      // The engine loads @pm2/io where it finds it, and that writes to the same channel.
      child.on("message", ({ port }: { port?: number }) => port !== undefined && resolve(port));
      child.once("exit", (code) => reject(new SetupFailed(`${name} did not start (${code}):\n${output.join("")}`)));
    });
    return new Stack(name, port, child, output);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Everything the process has written so far. */
  get output(): string {
    return this.#output.join("");
  }

  /** The lines of its log that are JSON, parsed. */
  get log(): Record<string, unknown>[] {
    return this.output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  }

  /** Asks the process itself, within a second unless told otherwise. */
  async ask<T = ChildStatus>(name: string, value?: unknown, withinMs = 1000): Promise<T> {
    const id = ++this.#questions;
    this.#child.send({ id, name, value });
    return within(
      withinMs,
      `an answer about ${name}`,
      new Promise((resolve) => this.#waiting.set(id, resolve as never)),
    );
  }

  /** Fails unless the process runs and answers within a second: a hang is as bad as an exit. */
  async expectAlive(): Promise<void> {
    if (this.hasExited) throw new Error(`the process has exited with code ${this.#child.exitCode}`);
    const path = this.name !== "stock" ? "/healthz" : "/__healthcheck";
    const signal = AbortSignal.timeout(1000);
    const response = await fetch(this.url + path, { signal }).catch(() => {
      throw new Error(this.hasExited ? "the process has exited" : "the process has answered nobody for 1000 ms");
    });
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
  }

  /** A new identity, which on Umpire is a guest account with a session of its own. */
  async caller(): Promise<Caller> {
    const headers = loadtestHeaders(`caller-${++callers}`);
    if (this.name === "stock") return { token: null, headers };
    const reply = await this.call("POST", "/api/accounts/guest", { headers, body: {} });
    if (reply.status !== 200) throw new SetupFailed(`no guest: ${reply.status} ${JSON.stringify(reply.body)}`);
    return { token: reply.body["token"] as string, headers };
  }

  async call(method: string, path: string, options: { headers?: object; body?: unknown } = {}): Promise<Reply> {
    const { headers = {}, body } = options;
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(4000),
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /^\s*[{[]/.test(text);
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : { text } };
  }

  /** One call of the matchmaker; on Umpire with a ticket for `room`. */
  async matchmake(
    caller: Caller,
    method: string,
    target: string,
    { room = target, options = {}, headers = {} }: { room?: string; options?: unknown; headers?: object } = {},
  ): Promise<Reply> {
    const ticket = caller.token === null ? null : await this.ticket(caller, room);
    const given = { ...caller.headers, ...(ticket !== null && { authorization: `Bearer ${ticket}` }), ...headers };
    return this.call("POST", `/matchmake/${method}/${target}`, { headers: given, body: options });
  }

  async ticket(caller: Caller, room: string): Promise<string> {
    const headers = { ...caller.headers, authorization: `Bearer ${caller.token}` };
    const { body } = await this.call("POST", "/api/accounts/ticket", { headers, body: { room } });
    return body["ticket"] as string;
  }

  /** Joins with a bare socket, as a new caller unless one is given. */
  async join(room: string, options: object = {}, caller?: Caller): Promise<Visitor> {
    const who = caller ?? (await this.caller());
    const reply = await this.matchmake(who, "joinOrCreate", room, { options });
    if (reply.status !== 200) throw new SetupFailed(`no seat: ${reply.status} ${JSON.stringify(reply.body)}`);
    return this.sit(reply.body as unknown as Seat, who);
  }

  async sit({ processId, roomId, sessionId }: Seat, caller: Caller): Promise<Visitor> {
    const path = `/${processId}/${roomId}?sessionId=${sessionId}`;
    const visitor = new Visitor(await RawSocket.dial({ port: this.port, path, headers: caller.headers }), roomId);
    await within(2000, "the state of the room", visitor.seated);
    return visitor;
  }

  /** Joins with the engine's own SDK, through `port` when a network lies between. */
  async joinSdk<State>(room: string, options: object = {}, port: number = this.port): Promise<Room<never, State>> {
    const caller = await this.caller();
    const client = new Client(`http://127.0.0.1:${port}`, { headers: { ...caller.headers } });
    if (caller.token !== null) client.auth.token = await this.ticket(caller, room);
    const joined = await client.joinOrCreate<State>(room, options);
    joined.reconnection.minUptime = 0;
    for (const type of ["welcome", "error"]) joined.onMessage(type, () => {});
    return joined as never;
  }

  async stop(): Promise<void> {
    if (this.hasExited) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }
}

/** Someone in a room with a bare socket: hears everything, decodes no state, and can send any bytes. */
export class Visitor {
  readonly socket: RawSocket;
  readonly roomId: string;
  /** When each patch came, in monotonic ms. */
  readonly patchesMs: number[] = [];
  readonly messages: { type: string; payload: unknown }[] = [];
  /** Resolves with the first whole state. */
  readonly seated: Promise<void>;

  constructor(socket: RawSocket, roomId: string) {
    this.socket = socket;
    this.roomId = roomId;
    this.seated = new Promise((resolve, reject) => {
      void socket.closed.then((code) => reject(new SetupFailed(`closed with ${code} before the first state`)));
      socket.onFrame = (frame) => {
        const code = (frame[0] ?? 0) & 0x1f;
        if (code === frameCodes.join) socket.send(Uint8Array.of(frameCodes.join));
        if (code === frameCodes.state) resolve();
        if (code === frameCodes.patch) this.patchesMs.push(performance.now());
        if (code === frameCodes.data) this.messages.push(readData(frame) ?? { type: "", payload: undefined });
      };
    });
    this.seated.catch(() => {});
  }

  say(type: string, payload?: unknown): void {
    this.socket.send(dataFrame(type, payload));
  }

  /** The longest wait for a patch since `sinceMs`, including the one that still lasts. */
  longestGapMs(sinceMs: number): number {
    const times = [sinceMs, ...this.patchesMs.filter((time) => time >= sinceMs), performance.now()];
    return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
  }
}

function linesOf(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}

/** Names a bot to the server, so that each has an allowance of its own per address. */
export function loadtestHeaders(name: string): Record<string, string> {
  return { [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, name) };
}

async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
