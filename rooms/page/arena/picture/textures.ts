import type { Texture } from "pixi.js";
import { wearables } from "../../../../schema/state/arena.ts";
import { blank, circle, fillRounded, paint, radial, rectangular, textureOf } from "./brush.ts";
import { type Skin, skins } from "./skins.ts";

/**
 * Everything that moves is a sprite of one of these, painted once in white and tinted: a player's colour costs nothing,
 * and sprites that share textures are drawn together.
 */
export interface Textures {
  /** A soft round light, 1 unit in radius. */
  readonly glow: Texture;
  /** A hot small light with a hard core. */
  readonly spark: Texture;
  readonly hull: Texture;
  readonly barrel: Texture;
  /** A thin circle, 1 unit in radius. */
  readonly ring: Texture;
  /** The shield: a circle of dashes. */
  readonly shield: Texture;
  /** A beam that is faint at its left end and hot at its right one. */
  readonly beam: Texture;
  readonly flash: Texture;
  readonly pip: Texture;
  readonly shard: Texture;
  readonly arc: Texture;
  readonly cross: Texture;
  readonly hitMark: Texture;
  readonly medkit: Texture;
  readonly bolt: Texture;
  readonly wallGlow: Texture;
  readonly floor: Texture;
  /** By the number that a player's state carries; none for 0. In colours of their own. */
  readonly skins: readonly (SkinTextures | undefined)[];
}

export interface SkinTextures {
  readonly item: string;
  readonly skin: Skin;
  readonly core: Texture;
  readonly ornament: Texture;
}

export function paintTextures(): Textures {
  return {
    glow: radial(192, (r) => (1 - r) ** 2 * 0.9),
    spark: radial(48, (r) => Math.min(1, (1 - r) ** 3 * 2.2)),
    hull: paint(2, 2, paintHull),
    barrel: paint(1.2, 0.7, paintBarrel),
    ring: paint(2.2, 2.2, (context) => circle(context, 1, 0.05)),
    shield: paint(2.4, 2.4, paintShield),
    beam: paint(4, 0.5, paintBeam),
    flash: paint(2, 1, paintFlash),
    pip: paint(0.3, 0.14, (context) => fillRounded(context, 0.26, 0.1, 0.03)),
    shard: paint(0.5, 0.16, (context) => fillRounded(context, 0.44, 0.1, 0.05)),
    arc: paint(5, 5, paintArc),
    cross: paint(1, 1, paintCross),
    hitMark: paint(1, 1, paintHitMark),
    medkit: paint(1.6, 1.6, paintMedkit),
    bolt: paint(1.8, 1.8, paintBolt),
    wallGlow: rectangular(128, 56),
    floor: paintFloor(),
    skins: wearables.skin.map(paintSkin),
  };
}

function paintSkin(item: string | null): SkinTextures | undefined {
  const skin = item === null ? undefined : skins[item];
  if (item === null || skin === undefined) return undefined;
  return { item, skin, core: paint(1.2, 1.2, skin.paintCore), ornament: paint(2.4, 2.4, skin.paintOrnament) };
}

/** The body: a bright rim on a dark disc. A tint colours the rim and leaves the dark dark. */
function paintHull(context: CanvasRenderingContext2D): void {
  context.fillStyle = "#0b0f16";
  context.beginPath();
  context.arc(0, 0, 0.66, 0, Math.PI * 2);
  context.fill();
  const shine = context.createRadialGradient(0, 0, 0, 0, 0, 0.66);
  shine.addColorStop(0, "rgb(255 255 255 / 0.3)");
  shine.addColorStop(0.55, "rgb(255 255 255 / 0.05)");
  shine.addColorStop(1, "rgb(255 255 255 / 0.28)");
  context.fillStyle = shine;
  context.fill();
  circle(context, 0.635, 0.13);
  context.globalAlpha = 0.55;
  context.setLineDash([0.3, 0.2]);
  circle(context, 0.4, 0.045);
  context.setLineDash([]);
  context.globalAlpha = 1;
  context.fillStyle = "#fff";
  context.beginPath();
  context.arc(0, 0, 0.15, 0, Math.PI * 2);
  context.fill();
}

/** Lies along +x and narrows towards the muzzle. */
function paintBarrel(context: CanvasRenderingContext2D): void {
  context.beginPath();
  context.moveTo(-0.5, -0.27);
  context.lineTo(0.4, -0.17);
  context.lineTo(0.4, 0.17);
  context.lineTo(-0.5, 0.27);
  context.closePath();
  context.fillStyle = "#10151d";
  context.fill();
  context.fillStyle = "rgb(255 255 255 / 0.28)";
  context.fill();
  context.lineWidth = 0.08;
  context.stroke();
  context.fillStyle = "#fff";
  context.fillRect(0.26, -0.2, 0.2, 0.4);
}

function paintShield(context: CanvasRenderingContext2D): void {
  const dash = (2 * Math.PI) / 12;
  context.setLineDash([dash * 0.62, dash * 0.38]);
  context.lineCap = "butt";
  circle(context, 1, 0.09);
  context.setLineDash([]);
  context.globalAlpha = 0.12;
  context.beginPath();
  context.arc(0, 0, 1, 0, Math.PI * 2);
  context.fill();
}

function paintBeam(context: CanvasRenderingContext2D): void {
  for (const [height, opacity] of [
    [0.46, 0.1],
    [0.28, 0.22],
    [0.12, 0.95],
  ] as const) {
    const along = context.createLinearGradient(-2, 0, 2, 0);
    along.addColorStop(0, "rgb(255 255 255 / 0)");
    along.addColorStop(0.7, `rgb(255 255 255 / ${opacity * 0.7})`);
    along.addColorStop(1, `rgb(255 255 255 / ${opacity})`);
    context.fillStyle = along;
    context.fillRect(-2, -height / 2, 4, height);
  }
}

/** A flame of three tongues that leaves the muzzle to the right; the muzzle is at the left end. */
function paintFlash(context: CanvasRenderingContext2D): void {
  context.translate(-0.9, 0);
  for (const [turn, length] of [
    [0, 1.7],
    [0.5, 0.95],
    [-0.5, 0.95],
  ] as const) {
    context.save();
    context.rotate(turn);
    const flame = context.createLinearGradient(0, 0, length, 0);
    flame.addColorStop(0, "rgb(255 255 255 / 1)");
    flame.addColorStop(1, "rgb(255 255 255 / 0)");
    context.fillStyle = flame;
    context.beginPath();
    context.moveTo(0, 0);
    context.quadraticCurveTo(length * 0.3, -0.26, length, 0);
    context.quadraticCurveTo(length * 0.3, 0.26, 0, 0);
    context.fill();
    context.restore();
  }
}

/** Part of a circle around the own player, on the side the shot came from: +x. */
function paintArc(context: CanvasRenderingContext2D): void {
  for (const [width, opacity] of [
    [0.34, 0.35],
    [0.14, 1],
  ] as const) {
    context.globalAlpha = opacity;
    context.lineWidth = width;
    context.beginPath();
    context.arc(0, 0, 2.2, -0.42, 0.42);
    context.stroke();
  }
}

/** How a draughtsman marks a spot that is done with. */
function paintCross(context: CanvasRenderingContext2D): void {
  context.lineWidth = 0.07;
  for (const side of [-1, 1]) {
    context.beginPath();
    context.moveTo(-0.32 * side, -0.32);
    context.lineTo(0.32 * side, 0.32);
    context.stroke();
  }
  context.setLineDash([0.1, 0.1]);
  circle(context, 0.45, 0.03);
}

function paintHitMark(context: CanvasRenderingContext2D): void {
  context.lineWidth = 0.08;
  for (let turn = 0; turn < 4; turn++) {
    context.rotate(Math.PI / 2);
    context.beginPath();
    context.moveTo(0.18, 0.18);
    context.lineTo(0.4, 0.4);
    context.stroke();
  }
}

function paintMedkit(context: CanvasRenderingContext2D): void {
  context.lineWidth = 0.07;
  context.globalAlpha = 0.9;
  context.beginPath();
  context.roundRect(-0.55, -0.55, 1.1, 1.1, 0.22);
  context.stroke();
  context.globalAlpha = 0.12;
  context.fill();
  context.globalAlpha = 1;
  fillRounded(context, 0.62, 0.2, 0.04);
  fillRounded(context, 0.2, 0.62, 0.04);
}

function paintBolt(context: CanvasRenderingContext2D): void {
  context.lineWidth = 0.07;
  context.beginPath();
  for (let corner = 0; corner < 6; corner++) {
    context.lineTo(Math.cos((corner * Math.PI) / 3) * 0.72, Math.sin((corner * Math.PI) / 3) * 0.72);
  }
  context.closePath();
  context.stroke();
  context.globalAlpha = 0.14;
  context.fill();
  context.globalAlpha = 1;
  context.beginPath();
  for (const [x, y] of [
    [0.12, -0.46],
    [-0.28, 0.08],
    [-0.02, 0.08],
    [-0.12, 0.46],
    [0.28, -0.1],
    [0.02, -0.1],
  ] as const) {
    context.lineTo(x, y);
  }
  context.closePath();
  context.fill();
}

/** Four by four units of drawing paper: fine lines every unit, stronger ones at the edge, a mark in the corners. */
function paintFloor(): Texture {
  const size = 512;
  const { canvas, context } = blank(size, size);
  const unit = size / 4;
  context.fillStyle = "#fff";
  for (let line = 0; line < 4; line++) {
    context.globalAlpha = line === 0 ? 0.2 : 0.085;
    const width = line === 0 ? 4 : 3;
    context.fillRect(line * unit - width / 2, 0, width, size);
    context.fillRect(0, line * unit - width / 2, size, width);
  }
  // The other half of what lies on the edge belongs to the neighbouring tile.
  context.globalAlpha = 0.2;
  context.fillRect(size - 2, 0, 2, size);
  context.fillRect(0, size - 2, size, 2);
  context.globalAlpha = 0.55;
  for (const x of [0, size]) {
    for (const y of [0, size]) {
      context.fillRect(x - 18, y - 3, 36, 6);
      context.fillRect(x - 3, y - 18, 6, 36);
    }
  }
  return textureOf(canvas);
}
