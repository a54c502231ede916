/**
 * What skins look like, drawn with a 2D canvas around the origin in units of the world: once into a texture for the match
 * and once onto every card of shop and inventory. A skin leaves the rim of the body free, because its colour says who is
 * who; it fills the body and puts an ornament around it.
 */
export interface Skin {
  /** What it shines in. */
  readonly colour: number;
  /** In the body, up to 0.57 units from the middle. */
  paintCore(context: CanvasRenderingContext2D): void;
  /** Around the body, from 0.7 units on: as far as a shot hits, and a little more. */
  paintOrnament(context: CanvasRenderingContext2D): void;
  /** Turns per second of the ornament. */
  readonly turns: number;
}

const CORE = 0.57;

/** By item of the catalogue. */
export const skins: Readonly<Record<string, Skin>> = {
  "skin-ember": { colour: 0xff7a2b, paintCore: paintLava, paintOrnament: paintFlames, turns: 0.09 },
  "skin-frost": { colour: 0x9fe4ff, paintCore: paintIce, paintOrnament: paintCrystals, turns: -0.05 },
};

function disc(context: CanvasRenderingContext2D, stops: readonly (readonly [number, string])[]): void {
  const fill = context.createRadialGradient(0, 0, 0, 0, 0, CORE);
  for (const [at, colour] of stops) fill.addColorStop(at, colour);
  context.fillStyle = fill;
  context.beginPath();
  context.arc(0, 0, CORE, 0, Math.PI * 2);
  context.fill();
}

/** Cracks in a dark crust, with the heat behind them brightest in the middle. */
function paintLava(context: CanvasRenderingContext2D): void {
  disc(context, [
    [0, "#ffd27a"],
    [0.28, "#ff8a1f"],
    [0.62, "#c22a06"],
    [1, "#4a0d05"],
  ]);
  context.fillStyle = "#1c0806";
  for (let plate = 0; plate < 7; plate++) {
    const from = (plate / 7) * Math.PI * 2 + 0.09;
    const to = ((plate + 1) / 7) * Math.PI * 2 - 0.07;
    const inner = plate % 2 === 0 ? 0.24 : 0.29;
    context.beginPath();
    context.arc(0, 0, 0.53, from, to);
    context.lineTo(Math.cos(to - 0.12) * inner, Math.sin(to - 0.12) * inner);
    context.lineTo(Math.cos(from + 0.2) * (inner + 0.05), Math.sin(from + 0.2) * (inner + 0.05));
    context.closePath();
    context.fill();
  }
}

/** Tongues of fire that all lean one way. */
function paintFlames(context: CanvasRenderingContext2D): void {
  const tongues = 11;
  for (let tongue = 0; tongue < tongues; tongue++) {
    const length = tongue % 2 === 0 ? 1.12 : 0.96;
    const fire = context.createRadialGradient(0, 0, 0.66, 0, 0, length);
    fire.addColorStop(0, "rgb(255 214 120 / 0.95)");
    fire.addColorStop(0.4, "rgb(255 122 43 / 0.85)");
    fire.addColorStop(1, "rgb(214 40 10 / 0)");
    context.fillStyle = fire;
    context.beginPath();
    context.arc(0, 0, 0.69, -0.24, 0.24);
    context.quadraticCurveTo(0.84, 0.2, length * Math.cos(0.44), length * Math.sin(0.44));
    context.quadraticCurveTo(0.8, 0.02, Math.cos(-0.24) * 0.69, Math.sin(-0.24) * 0.69);
    context.fill();
    context.rotate((Math.PI * 2) / tongues);
  }
}

/** A six-sided crystal cut in facets. */
function paintIce(context: CanvasRenderingContext2D): void {
  disc(context, [
    [0, "#f4fdff"],
    [0.35, "#9fe4ff"],
    [0.75, "#3d8fd6"],
    [1, "#123a70"],
  ]);
  for (let side = 0; side < 6; side++) {
    context.fillStyle = side % 2 === 0 ? "rgb(255 255 255 / 0.28)" : "rgb(10 40 90 / 0.3)";
    context.beginPath();
    context.moveTo(0, 0);
    context.lineTo(CORE * 0.96, 0);
    context.lineTo(CORE * 0.96 * Math.cos(Math.PI / 3), CORE * 0.96 * Math.sin(Math.PI / 3));
    context.closePath();
    context.fill();
    context.lineWidth = 0.045;
    context.strokeStyle = "rgb(240 252 255 / 0.9)";
    context.beginPath();
    context.moveTo(0.1, 0);
    context.lineTo(0.5, 0);
    for (const branch of [-1, 1]) {
      context.moveTo(0.28, 0);
      context.lineTo(0.4, 0.13 * branch);
    }
    context.stroke();
    context.rotate(Math.PI / 3);
  }
}

/** Six long splinters and six short ones. */
function paintCrystals(context: CanvasRenderingContext2D): void {
  for (let splinter = 0; splinter < 12; splinter++) {
    const isLong = splinter % 2 === 0;
    const tip = isLong ? 1.1 : 0.9;
    const half = isLong ? 0.11 : 0.07;
    for (const [side, colour] of [
      [1, "rgb(236 251 255 / 0.95)"],
      [-1, "rgb(94 176 232 / 0.9)"],
    ] as const) {
      context.fillStyle = colour;
      context.beginPath();
      context.moveTo(0.69, 0);
      context.lineTo(0.8, half * side);
      context.lineTo(tip, 0);
      context.closePath();
      context.fill();
    }
    context.rotate(Math.PI / 6);
  }
}
