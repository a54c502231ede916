import { button, element, setClass, setText } from "../../dom.ts";
import type { Feed } from "../feed.ts";

const SAMPLES = 90;
const EVERY_MS = 100;
const WIDTH = 96;
const HEIGHT = 20;

interface Line {
  readonly value: HTMLElement;
  readonly context: CanvasRenderingContext2D | null;
  readonly samples: number[];
  /** The least top of the scale, so that noise around zero stays low. */
  readonly top: number;
}

/** How the connection does, for those who want to know: N or F3. */
export class NetGraph {
  readonly element: HTMLElement;
  readonly button = button("Net", "hud-button", () => this.toggle());
  readonly #lines: Readonly<Record<"rtt" | "jitter" | "correction" | "bytes" | "pending" | "fps", Line>>;
  readonly #tick = element("b");
  readonly #listening = new AbortController();
  #isOpen = false;
  #sinceMs = 0;
  #frames = 0;

  constructor() {
    this.#lines = {
      rtt: createLine(100),
      jitter: createLine(20),
      correction: createLine(0.5),
      bytes: createLine(4000),
      pending: createLine(8),
      fps: createLine(60),
    };
    const titles = {
      rtt: "RTT",
      jitter: "Jitter",
      correction: "Correction",
      bytes: "Patches",
      pending: "Pending",
      fps: "Frames",
    };
    const rows = Object.entries(this.#lines).map(([name, { value, context }]) =>
      element("li", {}, element("span", {}, titles[name as keyof typeof titles]), context?.canvas ?? null, value),
    );
    const tick = element("li", {}, element("span", {}, "Server tick"), this.#tick);
    this.element = element("ul", { class: "net-graph panel", "aria-label": "Network" }, ...rows, tick);
    window.addEventListener("keydown", (event) => this.#onKey(event), { signal: this.#listening.signal });
  }

  toggle(): void {
    this.#isOpen = !this.#isOpen;
    setClass(this.element, "is-open", this.#isOpen);
  }

  /** Once per frame, which it counts. */
  update(feed: Feed, nowMs: number): void {
    this.#frames += 1;
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < EVERY_MS) return;
    const fps = (this.#frames * 1000) / elapsedMs;
    this.#sinceMs = nowMs;
    this.#frames = 0;
    if (!this.#isOpen) return;
    const net = feed.net();
    const { rtt, jitter, correction, bytes, pending } = this.#lines;
    add(this.#lines.fps, fps, `${Math.round(fps)}/s`);
    setText(this.#tick, String(Math.floor(feed.tickNow())));
    if (net === null) return;
    add(rtt, net.rttMs, `${net.rttMs.toFixed(0)} ms`);
    add(jitter, net.jitterMs, `${net.jitterMs.toFixed(1)} ms`);
    add(correction, net.correctionUnits, `${net.correctionUnits.toFixed(3)} u`);
    add(bytes, net.bytesPerSecond, `${(net.bytesPerSecond / 1000).toFixed(1)} kB/s`);
    add(pending, net.pendingInputs, String(net.pendingInputs));
  }

  close(): void {
    this.#listening.abort();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.code !== "KeyN" && event.code !== "F3") return;
    event.preventDefault();
    if (!event.repeat) this.toggle();
  }
}

function createLine(top: number): Line {
  const canvas = element("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  return { value: element("b", {}, "–"), context: canvas.getContext("2d"), samples: [], top };
}

function add(line: Line, value: number, text: string): void {
  setText(line.value, text);
  line.samples.push(value);
  if (line.samples.length > SAMPLES) line.samples.shift();
  const { context } = line;
  if (context === null) return;
  const top = Math.max(line.top, ...line.samples) * 1.1;
  context.clearRect(0, 0, WIDTH, HEIGHT);
  context.beginPath();
  line.samples.forEach((sample, index) => {
    context.lineTo((index / (SAMPLES - 1)) * WIDTH, HEIGHT - 1 - (sample / top) * (HEIGHT - 2));
  });
  context.strokeStyle = "#4ff5e1";
  context.stroke();
}
