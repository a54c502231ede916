import { between } from "./chance.ts";

/** One short sound: a tone that glides, or filtered noise, with a sharp beginning and a fading end. */
interface Voice {
  readonly kind: OscillatorType | "noise";
  /** Hz at the beginning and at the end; for noise, of the filter. */
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
  readonly loudness: number;
  readonly delay?: number;
}

/** All sounds are made here and now: nothing to download, and a game of a few lines of light should hum like one. */
const VOICES = {
  shot: [
    { kind: "square", from: 880, to: 120, seconds: 0.09, loudness: 0.16 },
    { kind: "noise", from: 5200, to: 900, seconds: 0.07, loudness: 0.3 },
  ],
  boostedShot: [
    { kind: "sawtooth", from: 520, to: 60, seconds: 0.16, loudness: 0.22 },
    { kind: "noise", from: 3600, to: 400, seconds: 0.12, loudness: 0.34 },
  ],
  hit: [
    { kind: "triangle", from: 1900, to: 1500, seconds: 0.05, loudness: 0.42 },
    { kind: "triangle", from: 2850, to: 2600, seconds: 0.04, loudness: 0.2 },
  ],
  blocked: [{ kind: "sine", from: 620, to: 900, seconds: 0.09, loudness: 0.3 }],
  kill: [
    { kind: "triangle", from: 990, to: 990, seconds: 0.1, loudness: 0.4 },
    { kind: "triangle", from: 1480, to: 1480, seconds: 0.2, loudness: 0.4, delay: 0.075 },
  ],
  hurt: [
    { kind: "sine", from: 210, to: 55, seconds: 0.2, loudness: 0.7 },
    { kind: "noise", from: 900, to: 200, seconds: 0.12, loudness: 0.4 },
  ],
  death: [
    { kind: "sawtooth", from: 420, to: 38, seconds: 0.55, loudness: 0.3 },
    { kind: "noise", from: 2400, to: 90, seconds: 0.6, loudness: 0.5 },
  ],
  burst: [
    { kind: "noise", from: 2600, to: 120, seconds: 0.4, loudness: 0.45 },
    { kind: "sine", from: 160, to: 40, seconds: 0.3, loudness: 0.4 },
  ],
  dash: [{ kind: "noise", from: 500, to: 4200, seconds: 0.2, loudness: 0.32 }],
  health: [
    { kind: "sine", from: 523, to: 523, seconds: 0.12, loudness: 0.3 },
    { kind: "sine", from: 784, to: 784, seconds: 0.18, loudness: 0.3, delay: 0.08 },
  ],
  boost: [
    { kind: "sawtooth", from: 220, to: 880, seconds: 0.35, loudness: 0.16 },
    { kind: "sine", from: 440, to: 1760, seconds: 0.35, loudness: 0.24 },
  ],
  spawn: [{ kind: "sine", from: 260, to: 1040, seconds: 0.3, loudness: 0.22 }],
  count: [{ kind: "square", from: 440, to: 440, seconds: 0.09, loudness: 0.16 }],
  go: [
    { kind: "square", from: 880, to: 880, seconds: 0.3, loudness: 0.16 },
    { kind: "sine", from: 1320, to: 1320, seconds: 0.35, loudness: 0.2 },
  ],
  end: [
    { kind: "triangle", from: 660, to: 660, seconds: 0.2, loudness: 0.3 },
    { kind: "triangle", from: 494, to: 494, seconds: 0.45, loudness: 0.3, delay: 0.18 },
  ],
  levelUp: [
    { kind: "triangle", from: 523, to: 523, seconds: 0.14, loudness: 0.3 },
    { kind: "triangle", from: 659, to: 659, seconds: 0.14, loudness: 0.3, delay: 0.1 },
    { kind: "triangle", from: 784, to: 784, seconds: 0.14, loudness: 0.3, delay: 0.2 },
    { kind: "triangle", from: 1047, to: 1047, seconds: 0.4, loudness: 0.3, delay: 0.3 },
  ],
} as const satisfies Record<string, readonly Voice[]>;

export type SoundName = keyof typeof VOICES;

const MASTER = 0.5;
const STORED = "sightline.muted";
/** More at once is noise, and costs what the picture needs. */
const VOICES_MAX = 28;

/** The game's sounds. A browser lets a page be heard only after a gesture, so the first one opens it. */
export class Sounds {
  #context: AudioContext | undefined;
  #master: GainNode | undefined;
  #noise: AudioBuffer | undefined;
  #muted = localStorage.getItem(STORED) === "yes";
  #sounding = 0;

  constructor() {
    // A finger counts as a gesture when it leaves the glass, a mouse button when it goes down.
    for (const gesture of ["mousedown", "pointerup", "keydown"] as const) {
      window.addEventListener(gesture, () => this.#open(), { capture: true });
    }
  }

  get isMuted(): boolean {
    return this.#muted;
  }

  toggle(): void {
    this.#muted = !this.#muted;
    localStorage.setItem(STORED, this.#muted ? "yes" : "no");
    if (this.#master !== undefined) this.#master.gain.value = this.#muted ? 0 : MASTER;
  }

  /** `nearness` is 1 beside the ear and 0 out of earshot; `side` is -1 on the left, 1 on the right. */
  play(name: SoundName, nearness = 1, side = 0): void {
    const context = this.#context;
    if (context === undefined || this.#master === undefined || this.#muted || nearness < 0.04) return;
    if (context.state !== "running" || this.#sounding > VOICES_MAX) return;
    const pan = new StereoPannerNode(context, { pan: Math.max(-1, Math.min(1, side)) });
    pan.connect(this.#master);
    for (const voice of VOICES[name]) this.#sing(context, voice, nearness, pan);
  }

  #open(): void {
    // A phone puts it to sleep behind the page's back, for a call or a change of headphones.
    if (this.#context?.state === "suspended") this.#context.resume().catch(() => {});
    if (this.#context !== undefined) return;
    const context = new AudioContext({ latencyHint: "interactive" });
    // Sixteen shots in one frame must not become a crack.
    const limiter = new DynamicsCompressorNode(context, { threshold: -14, ratio: 8, attack: 0.002, release: 0.12 });
    this.#master = new GainNode(context, { gain: this.#muted ? 0 : MASTER });
    this.#master.connect(limiter).connect(context.destination);
    this.#noise = whiteNoise(context);
    this.#context = context;
  }

  #sing(context: AudioContext, voice: Voice, nearness: number, output: AudioNode): void {
    const start = context.currentTime + (voice.delay ?? 0);
    const end = start + voice.seconds;
    const envelope = new GainNode(context, { gain: 0 });
    envelope.gain.setValueAtTime(0, start);
    envelope.gain.linearRampToValueAtTime(voice.loudness * nearness, start + 0.004);
    envelope.gain.exponentialRampToValueAtTime(0.0001, end);
    // No two shots sound quite alike.
    const detune = between(0.96, 1.04);
    const source =
      voice.kind === "noise" ? this.#hiss(context, voice, start, detune) : tone(context, voice, start, detune);
    source.last.connect(envelope).connect(output);
    source.first.start(start);
    source.first.stop(end + 0.02);
    this.#sounding += 1;
    source.first.onended = () => {
      this.#sounding -= 1;
      envelope.disconnect();
    };
  }

  #hiss(context: AudioContext, voice: Voice, start: number, detune: number) {
    const first = new AudioBufferSourceNode(context, { buffer: this.#noise ?? null, loop: true });
    const last = new BiquadFilterNode(context, { type: "bandpass", Q: 0.8 });
    last.frequency.setValueAtTime(voice.from * detune, start);
    last.frequency.exponentialRampToValueAtTime(voice.to * detune, start + voice.seconds);
    first.connect(last);
    return { first, last };
  }
}

function tone(context: AudioContext, voice: Voice, start: number, detune: number) {
  const type = voice.kind === "noise" ? "sine" : voice.kind;
  const oscillator = new OscillatorNode(context, { type });
  oscillator.frequency.setValueAtTime(voice.from * detune, start);
  oscillator.frequency.exponentialRampToValueAtTime(voice.to * detune, start + voice.seconds);
  return { first: oscillator, last: oscillator };
}

function whiteNoise(context: AudioContext): AudioBuffer {
  const buffer = context.createBuffer(1, context.sampleRate, context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let index = 0; index < samples.length; index++) samples[index] = between(-1, 1);
  return buffer;
}
