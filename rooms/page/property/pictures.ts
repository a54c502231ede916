import { skins } from "../arena/picture/skins.ts";
import { trails } from "../arena/picture/trails.ts";
import { element } from "../dom.ts";

type Paint = (context: CanvasRenderingContext2D) => void;

/** Sharp on every screen; the stylesheet says how large it is shown. */
const PIXELS = 256;
const UNITS = 2.5;
const OWN = "#4ff5e1";

const things: Readonly<Record<string, Paint>> = { scrap: paintScrap, gold: paintCoin, gems: paintGem };

/** An item or a currency as the match draws it, on its own. What nobody has drawn yet is shown by its first letter. */
export function pictureOf(key: string): HTMLCanvasElement {
  const canvas = element("canvas", { class: "thing", "aria-hidden": "true" });
  canvas.width = PIXELS;
  canvas.height = PIXELS;
  const context = canvas.getContext("2d");
  if (context === null) return canvas;
  context.translate(PIXELS / 2, PIXELS / 2);
  context.scale(PIXELS / UNITS, PIXELS / UNITS);
  context.lineJoin = "round";
  context.lineCap = "round";
  paintOf(key)(context);
  return canvas;
}

function paintOf(key: string): Paint {
  const skin = skins[key];
  if (skin !== undefined) return (context) => paintWorn(context, skin);
  const trail = trails[key];
  if (trail !== undefined) return trail.paint;
  return things[key] ?? ((context) => paintLetter(context, key));
}

/** On a body, with the barrel to the upper right. */
function paintWorn(context: CanvasRenderingContext2D, skin: (typeof skins)[string]): void {
  const light = context.createRadialGradient(0, 0, 0.3, 0, 0, 1.25);
  light.addColorStop(0, `#${skin.colour.toString(16).padStart(6, "0")}66`);
  light.addColorStop(1, `#${skin.colour.toString(16).padStart(6, "0")}00`);
  context.fillStyle = light;
  context.fillRect(-UNITS / 2, -UNITS / 2, UNITS, UNITS);
  layer(context, skin.paintOrnament);
  context.rotate(-Math.PI / 5);
  context.fillStyle = "#10241f";
  context.strokeStyle = OWN;
  context.lineWidth = 0.08;
  context.beginPath();
  context.roundRect(0.4, -0.18, 0.68, 0.36, 0.04);
  context.fill();
  context.stroke();
  context.fillStyle = "#0b0f16";
  context.beginPath();
  context.arc(0, 0, 0.66, 0, Math.PI * 2);
  context.fill();
  layer(context, skin.paintCore);
  context.strokeStyle = OWN;
  context.lineWidth = 0.13;
  context.beginPath();
  context.arc(0, 0, 0.635, 0, Math.PI * 2);
  context.stroke();
}

function layer(context: CanvasRenderingContext2D, paint: Paint): void {
  context.save();
  paint(context);
  context.restore();
}

function polygon(context: CanvasRenderingContext2D, points: readonly (readonly [number, number])[]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.closePath();
}

/** Three plates of somebody's hull. */
function paintScrap(context: CanvasRenderingContext2D): void {
  const plates = [
    { turn: -0.5, x: -0.34, y: 0.22, fill: "#4a5f86" },
    { turn: 0.7, x: 0.38, y: 0.3, fill: "#5f78a6" },
    { turn: 0.1, x: 0.04, y: -0.3, fill: "#8fa8d8" },
  ];
  for (const { turn, x, y, fill } of plates) {
    context.save();
    context.translate(x, y);
    context.rotate(turn);
    polygon(context, [
      [-0.46, -0.3],
      [0.2, -0.38],
      [0.48, -0.02],
      [0.3, 0.34],
      [-0.36, 0.28],
    ]);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = "rgb(232 240 255 / 0.75)";
    context.lineWidth = 0.045;
    context.stroke();
    context.fillStyle = "rgb(4 6 11 / 0.6)";
    for (const [dotX, dotY] of [
      [-0.28, -0.14],
      [0.24, 0.08],
    ] as const) {
      context.beginPath();
      context.arc(dotX, dotY, 0.06, 0, Math.PI * 2);
      context.fill();
    }
    context.restore();
  }
}

function paintCoin(context: CanvasRenderingContext2D): void {
  const face = context.createLinearGradient(-0.8, -0.8, 0.8, 0.8);
  face.addColorStop(0, "#fff0b8");
  face.addColorStop(0.5, "#ffc857");
  face.addColorStop(1, "#b9771a");
  context.fillStyle = face;
  context.beginPath();
  context.arc(0, 0, 0.9, 0, Math.PI * 2);
  context.fill();
  context.strokeStyle = "rgb(90 50 5 / 0.55)";
  context.lineWidth = 0.07;
  context.beginPath();
  context.arc(0, 0, 0.68, 0, Math.PI * 2);
  context.stroke();
  // The line of sight, as in the name of the game.
  context.strokeStyle = "rgb(90 50 5 / 0.8)";
  context.lineWidth = 0.13;
  context.beginPath();
  context.arc(0, 0, 0.27, 0, Math.PI * 2);
  context.moveTo(0.27, 0);
  context.lineTo(0.6, 0);
  context.stroke();
}

function paintGem(context: CanvasRenderingContext2D): void {
  const facets = [
    {
      fill: "#e7d4ff",
      points: [
        [-0.42, -0.62],
        [0.42, -0.62],
        [0.28, -0.18],
        [-0.28, -0.18],
      ],
    },
    {
      fill: "#b98cff",
      points: [
        [-0.42, -0.62],
        [-0.28, -0.18],
        [-0.88, -0.18],
      ],
    },
    {
      fill: "#9a63f2",
      points: [
        [0.42, -0.62],
        [0.88, -0.18],
        [0.28, -0.18],
      ],
    },
    {
      fill: "#8a4fe6",
      points: [
        [-0.88, -0.18],
        [-0.28, -0.18],
        [0, 0.86],
      ],
    },
    {
      fill: "#c9a6ff",
      points: [
        [-0.28, -0.18],
        [0.28, -0.18],
        [0, 0.86],
      ],
    },
    {
      fill: "#6a32c4",
      points: [
        [0.28, -0.18],
        [0.88, -0.18],
        [0, 0.86],
      ],
    },
  ] as const;
  for (const { fill, points } of facets) {
    polygon(context, points);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = "rgb(255 255 255 / 0.35)";
    context.lineWidth = 0.025;
    context.stroke();
  }
}

function paintLetter(context: CanvasRenderingContext2D, key: string): void {
  context.strokeStyle = "#7fb2ff";
  context.lineWidth = 0.06;
  const corners = Array.from({ length: 6 }, (_, corner) => (corner * Math.PI) / 3);
  polygon(
    context,
    corners.map((angle) => [Math.cos(angle) * 0.9, Math.sin(angle) * 0.9] as const),
  );
  context.stroke();
  context.fillStyle = "#e8f0ff";
  context.font = "600 0.8px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(key.slice(0, 1).toUpperCase(), 0, 0.05);
}
