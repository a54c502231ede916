import { dataFrame, frameCodes } from "../../src/testing/stacks/messages.ts";
import { RawSocket } from "../../src/testing/stacks/raw-socket.ts";
import type { Gaps, PeerReport, Phase } from "./peers.ts";

/** A seat that somebody has reserved, and what whoever sits there is called. */
export interface Dialled {
  readonly group: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What an honest player of this room sends. */
  readonly plays: "nothing" | "inputs" | "messages";
}

interface Question {
  readonly port?: number;
  readonly seats?: readonly Dialled[];
  readonly phase?: Phase;
}

const PLAY_MS = 50;
const heard: Record<Phase, Map<string, number[]>> = { calm: new Map(), attack: new Map(), between: new Map() };
const closed: string[] = [];
let phase: Phase = "between";

process.on("disconnect", () => process.exit(0));
process.on("message", async ({ port, seats = [], phase: next }: Question) => {
  if (port !== undefined) await Promise.all(seats.map((seat) => sit(port, seat)));
  if (next !== undefined) phase = next;
  process.send?.({ calm: summaries("calm"), attack: summaries("attack"), closed } satisfies PeerReport);
});

async function sit(port: number, { group, path, headers, plays }: Dialled): Promise<void> {
  const socket = await RawSocket.dial({ port, path, headers });
  let lastMs: number | undefined;
  await new Promise<void>((resolve, reject) => {
    void socket.closed.then((code) => {
      closed.push(`${group} ${code}`);
      reject(new Error(`${group} was closed with ${code}`));
    });
    socket.onFrame = (frame) => {
      const code = (frame[0] ?? 0) & 0x1f;
      if (code === frameCodes.join) socket.send(Uint8Array.of(frameCodes.join));
      if (code === frameCodes.state) resolve();
      if (code !== frameCodes.patch) return;
      const nowMs = performance.now();
      if (lastMs !== undefined) record(group, nowMs - lastMs);
      lastMs = nowMs;
    };
  });
  const frame = {
    nothing: null,
    inputs: Uint8Array.of(frameCodes.input, 0x80, 1),
    messages: dataFrame("move", { dx: 1 }),
  };
  const play = frame[plays];
  if (play !== null) setInterval(() => socket.send(play), PLAY_MS);
}

function record(group: string, gapMs: number): void {
  const gaps = heard[phase].get(group);
  if (gaps === undefined) heard[phase].set(group, [gapMs]);
  else gaps.push(gapMs);
}

function summaries(of: Phase): Gaps[] {
  return [...heard[of]].map(([group, gaps]) => summarize(group, gaps));
}

function summarize(group: string, gaps: readonly number[]): Gaps {
  const sorted = [...gaps].sort((one, other) => one - other);
  const at = (share: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
  return { group, patches: sorted.length, msP50: at(0.5), msP99: at(0.99), msMax: at(1) };
}
