import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { type AgentChannel, ANSWER_MS_MAX, openAgentChannel } from "./agent-channel.ts";
import { type AgentTask, type FromAgent, fromAgent, type ToAgent } from "./agent-messages.ts";
import { type Crew, type CrewListener, Muster, type Report } from "./crew.ts";
import type { Scenario } from "./scenario.ts";

export interface AgentsCall {
  readonly count: number;
  readonly host: string;
  readonly port: number;
  readonly key: string;
  readonly onWord?: ((words: string, port: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly task: Omit<AgentTask, "is" | "share" | "scenario"> & { readonly scenario: Scenario };
}

type Channel = AgentChannel<FromAgent>;

/** An agent that has said nothing for this long is gone: it reports each second. */
const SILENCE_MS_MAX = 15_000;
/** Agents are told to begin this much later than they would be anyway, less the way to each. */
const START_IN_MS = 500;
/** Threads load and a plan is drawn. */
const READY_MS_MAX = 60_000;
/** Strangers who dial the port do not use up its sockets. */
const SOCKETS_MAX = 64;

/**
 * Waits on one port until so many agents have come and each has drawn the same plan, and is then the crew that they are
 * together. An agent that is lost later takes its bots with it: the run goes on, and its listener hears of it.
 */
export async function listenForAgents(call: AgentsCall, listener: CrewListener): Promise<Crew> {
  const { count, host, port, onWord = () => {} } = call;
  const server = createServer();
  server.maxConnections = SOCKETS_MAX;
  server.listen({ host, port });
  await once(server, "listening");
  const taken = (server.address() as { port: number }).port;
  onWord(
    `waiting for ${count} agents on ${host}:${taken}: npm run loadtest -- --agent --coordinator HOST:${taken}`,
    taken,
  );
  try {
    const channels = await gather(server, call, (words) => onWord(words, taken));
    return crewOf(channels, server, listener);
  } catch (error) {
    server.close();
    throw error;
  }
}

/** Whoever does not know the secret, or draws another plan, is sent away, and the place is left to somebody else. */
async function gather(server: Server, call: AgentsCall, say: (words: string) => void): Promise<readonly Channel[]> {
  const { count, key, task, signal } = call;
  const places: (Channel | null)[] = new Array(count).fill(null);
  const sockets = new Set<Socket>();
  return new Promise((resolve, reject) => {
    const callOff = () => {
      for (const socket of sockets) socket.destroy();
      reject(new Error("The run was called off while it waited for agents."));
    };
    signal?.addEventListener("abort", callOff, { once: true });
    const welcome = async (socket: Socket) => {
      const channel = await openAgentChannel(socket, { side: "coordinator", secret: key, incoming: fromAgent });
      const index = places.indexOf(null);
      if (index === -1) return channel.close();
      places[index] = channel;
      try {
        await prepare(channel, task, { index, of: count });
      } catch (error) {
        places[index] = null;
        throw error;
      }
      ready.add(channel);
      say(`agent ${index + 1} of ${count} is ready: ${channel.peer}`);
      if (ready.size === count) {
        signal?.removeEventListener("abort", callOff);
        server.removeAllListeners("connection");
        resolve([...places] as Channel[]);
      }
    };
    const ready = new Set<Channel>();
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.setNoDelay(true);
      // Without a listener of its own an error of a stranger's socket would end the run.
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
      welcome(socket).catch((error: unknown) => {
        say(`an agent was sent away: ${(error as Error).message}`);
        socket.destroy();
      });
    });
  });
}

async function prepare(channel: Channel, task: AgentsCall["task"], share: AgentTask["share"]): Promise<void> {
  const { budgets: _, ...scenario } = task.scenario;
  tell(channel, { is: "task", ...task, scenario: structuredClone(scenario) as AgentTask["scenario"], share });
  const answer = await channel.receive(READY_MS_MAX);
  if (answer.is === "refused") throw new Error(answer.words);
  if (answer.is !== "ready") throw new Error(`it said ${answer.is} instead of ready`);
}

function crewOf(channels: readonly Channel[], server: Server, listener: CrewListener): Crew {
  const names = channels.map(({ peer }, index) => `agent ${index + 1} (${peer})`);
  const muster = new Muster(names, (report) => listener.onReport(report));
  let secondsSeen = 0;
  const started = Promise.withResolvers<number>();
  const follow = async (channel: Channel, name: string) => {
    try {
      const inMs = await started.promise;
      await begin(channel, inMs);
      for (;;) {
        const message = await channel.receive(SILENCE_MS_MAX);
        if (message.is === "done") return;
        if (message.is === "lost") listener.onLost(`${name}: ${message.words}`);
        if (message.is !== "report") continue;
        secondsSeen = Math.max(secondsSeen, message.report.at);
        muster.add(name, message.report as Report);
      }
    } catch (error) {
      listener.onLost(`${name} was lost after ${secondsSeen} s, and its bots with it: ${(error as Error).message}`);
    } finally {
      muster.remove(name);
      channel.close();
    }
  };
  const done = Promise.all(channels.map((channel, index) => follow(channel, names[index] ?? "")));
  return {
    start: (inMs) => started.resolve(inMs),
    abort() {
      started.resolve(0);
      for (const channel of channels) tell(channel, { is: "abort" });
    },
    done: done.then(() => {}),
    async end() {
      for (const channel of channels) channel.close();
      server.close();
    },
  };
}

/** One moment for all: each agent is told how long to wait, less half of a round trip to it. */
async function begin(channel: Channel, inMs: number): Promise<void> {
  const calledMs = performance.now();
  tell(channel, { is: "ping" });
  while ((await channel.receive(ANSWER_MS_MAX)).is !== "pong");
  const roundTripMs = performance.now() - calledMs;
  tell(channel, { is: "start", inMs: Math.max(0, inMs + START_IN_MS - roundTripMs - roundTripMs / 2) });
}

function tell(channel: Channel, message: ToAgent): void {
  channel.send(message);
}
