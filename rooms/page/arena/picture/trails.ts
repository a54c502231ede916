/** What trails look like: the colours of their specks, and how a card of shop or inventory shows them. No engine in here. */
export interface Trail {
  /** Hot in front, cooler behind. */
  readonly head: number;
  readonly tail: number;
  /** On a card, around the origin, in units: somebody who flew by to the upper right. */
  paint(context: CanvasRenderingContext2D): void;
}

/** By item of the catalogue. */
export const trails: Readonly<Record<string, Trail>> = {
  "trail-comet": { head: 0xfff1c2, tail: 0x7f9dff, paint: paintComet },
};

/** How far specks lie from the line of flight, as shares of the tail's width: even, but not regular. */
const SPECKS = [0.7, -0.5, 0.2, -0.9, 0.45, -0.15, 0.95, -0.65, 0.05, 0.6, -0.35, 0.8] as const;

function paintComet(context: CanvasRenderingContext2D): void {
  context.rotate(-Math.PI / 5);
  const tail = context.createLinearGradient(-1.15, 0, 0.75, 0);
  tail.addColorStop(0, "rgb(127 157 255 / 0)");
  tail.addColorStop(0.6, "rgb(127 157 255 / 0.5)");
  tail.addColorStop(1, "rgb(255 241 194 / 0.95)");
  context.fillStyle = tail;
  context.beginPath();
  context.moveTo(-1.15, 0);
  context.quadraticCurveTo(0, -0.3, 0.72, -0.22);
  context.arc(0.72, 0, 0.22, -Math.PI / 2, Math.PI / 2);
  context.quadraticCurveTo(0, 0.3, -1.15, 0);
  context.fill();
  SPECKS.forEach((aside, index) => {
    const along = index / SPECKS.length;
    context.fillStyle = index % 3 === 0 ? "rgb(255 241 194 / 0.9)" : "rgb(190 206 255 / 0.75)";
    context.beginPath();
    context.arc(-1 + along * 1.5, aside * (0.14 + along * 0.3), 0.02 + along * 0.03, 0, Math.PI * 2);
    context.fill();
  });
  const core = context.createRadialGradient(0.72, 0, 0, 0.72, 0, 0.42);
  core.addColorStop(0, "rgb(255 255 255 / 1)");
  core.addColorStop(0.35, "rgb(255 241 194 / 0.85)");
  core.addColorStop(1, "rgb(255 200 87 / 0)");
  context.fillStyle = core;
  context.beginPath();
  context.arc(0.72, 0, 0.42, 0, Math.PI * 2);
  context.fill();
}
