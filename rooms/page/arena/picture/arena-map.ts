import { Container, Graphics, NineSliceSprite, Sprite, Text, TilingSprite } from "pixi.js";
import { spawnPoints, type Wall, walls } from "../../../arena/map.ts";
import { HALF_HEIGHT, HALF_WIDTH } from "../../../arena/rules.ts";
import { PAINTED } from "./brush.ts";
import { ink } from "./palette.ts";
import type { Textures } from "./textures.ts";

/** How far the light of a wall reaches, and how wide its bright rim is, in units. */
const GLOW_REACH = 1.3;
const RIM = 0.07;
const HATCH_GAP = 0.42;

export interface ArenaMap {
  /** The floor and what is drawn on it. */
  readonly ground: Container;
  /** The walls, over the light that falls on the floor. */
  readonly walls: Container;
}

/** The arena as an architect would draw it: paper with a grid, hatched walls, dimensions and letters. It never changes. */
export function drawMap(textures: Textures): ArenaMap {
  const ground = new Container({ interactiveChildren: false });
  ground.addChild(drawFloor(textures), ...drawPools(textures), drawMarkings(), ...drawLetters());
  const solid = new Container({ interactiveChildren: false });
  solid.addChild(...walls.map((wall) => glowAround(wall, textures)), drawWalls());
  return { ground, walls: solid };
}

function drawFloor({ floor }: Textures): Container {
  const paper = new Graphics().rect(-HALF_WIDTH, -HALF_HEIGHT, HALF_WIDTH * 2, HALF_HEIGHT * 2).fill(ink.floor);
  const grid = new TilingSprite({ texture: floor, width: HALF_WIDTH * 2, height: HALF_HEIGHT * 2, tint: ink.mark });
  grid.tileScale.set(4 / floor.width);
  grid.position.set(-HALF_WIDTH, -HALF_HEIGHT);
  const container = new Container();
  container.addChild(paper, grid);
  return container;
}

/** Pools of faint light: the plaza in the middle, and the corner rooms around it. */
function drawPools({ glow }: Textures): Sprite[] {
  const pools = [
    [0, 0, 15, 0.2],
    [-24, -15, 9, 0.1],
    [24, -15, 9, 0.1],
    [-24, 15, 9, 0.1],
    [24, 15, 9, 0.1],
  ] as const;
  return pools.map(([x, y, radius, alpha]) => {
    const pool = new Sprite({ texture: glow, anchor: 0.5, tint: ink.glow, alpha, position: { x, y } });
    pool.scale.set(radius / PAINTED);
    pool.blendMode = "add";
    return pool;
  });
}

/** Rings in the plaza, axes through the middle, and a corner bracket around every spawn point. */
function drawMarkings(): Graphics {
  const lines = new Graphics();
  for (const radius of [1.6, 2.6]) ring(lines, radius);
  lines.stroke({ width: 0.05, color: ink.mark, alpha: 0.35 });
  for (let tick = 0; tick < 72; tick++) {
    const angle = (tick / 72) * Math.PI * 2;
    const inner = tick % 6 === 0 ? 2.3 : 2.48;
    lines.moveTo(Math.cos(angle) * inner, Math.sin(angle) * inner);
    lines.lineTo(Math.cos(angle) * 2.6, Math.sin(angle) * 2.6);
  }
  lines.stroke({ width: 0.035, color: ink.mark, alpha: 0.4 });
  dashes(lines, HALF_WIDTH - 1, true);
  dashes(lines, HALF_HEIGHT - 1, false);
  lines.stroke({ width: 0.04, color: ink.mark, alpha: 0.22 });
  for (const { x, y } of spawnPoints) bracket(lines, x, y, 1.1);
  lines.stroke({ width: 0.05, color: ink.mark, alpha: 0.3 });
  return lines;
}

/** A circle of many corners: Pixi would choose few, because it counts them by the radius as if that were pixels. */
function ring(lines: Graphics, radius: number): void {
  const corners = 96;
  lines.moveTo(radius, 0);
  for (let corner = 1; corner <= corners; corner++) {
    const angle = (corner / corners) * Math.PI * 2;
    lines.lineTo(Math.cos(angle) * radius, Math.sin(angle) * radius);
  }
}

/** A centre line as in a technical drawing: long, short, long. */
function dashes(lines: Graphics, reach: number, horizontal: boolean): void {
  for (let at = -reach; at < reach; at += 1.6) {
    for (const [from, to] of [
      [0, 0.9],
      [1.15, 1.3],
    ] as const) {
      if (horizontal) lines.moveTo(at + from, 0).lineTo(at + to, 0);
      else lines.moveTo(0, at + from).lineTo(0, at + to);
    }
  }
}

function bracket(lines: Graphics, x: number, y: number, reach: number): void {
  for (const sx of [-1, 1]) {
    for (const sy of [-1, 1]) {
      lines.moveTo(x + sx * reach, y + sy * (reach - 0.35));
      lines.lineTo(x + sx * reach, y + sy * reach).lineTo(x + sx * (reach - 0.35), y + sy * reach);
    }
  }
}

/** The arena is the same on every side; letters on the floor tell the sides apart. */
function drawLetters(): Container[] {
  const rooms: [string, number, number][] = [
    ["A", -23.4, -14.4],
    ["B", 23.4, -14.4],
    ["C", -23.4, 14.4],
    ["D", 23.4, 14.4],
    ["N", 3.4, -18.2],
    ["S", 3.4, 18.2],
    ["W", -24, -4.6],
    ["E", 24, -4.6],
  ];
  return rooms.map(([letter, x, y]) => {
    const size = letter < "E" ? 3.4 : 2;
    return label(letter, x, y, size, 0.16);
  });
}

function label(text: string, x: number, y: number, size: number, alpha: number): Text {
  const made = new Text({
    text,
    style: { fontFamily: "system-ui, sans-serif", fontSize: 160, fontWeight: "800", fill: ink.white },
    resolution: 1,
    anchor: 0.5,
    position: { x, y },
    scale: size / 160,
    alpha,
    tint: ink.mark,
  });
  return made;
}

function glowAround(wall: Wall, { wallGlow }: Textures): NineSliceSprite {
  const border = wallGlow.width * 0.4375;
  const scale = GLOW_REACH / border;
  const sprite = new NineSliceSprite({
    texture: wallGlow,
    leftWidth: border,
    rightWidth: border,
    topHeight: border,
    bottomHeight: border,
    width: (wall.right - wall.left + GLOW_REACH * 2) / scale,
    height: (wall.bottom - wall.top + GLOW_REACH * 2) / scale,
  });
  sprite.scale.set(scale);
  sprite.position.set(wall.left - GLOW_REACH, wall.top - GLOW_REACH);
  sprite.tint = ink.glow;
  sprite.alpha = 0.7;
  // The brighter of two lights instead of their sum: where walls meet there is no hot spot.
  sprite.blendMode = "max";
  return sprite;
}

/** All rims first and all fills over them, so that walls which overlap read as one body with one outline. */
function drawWalls(): Container {
  const rims = new Graphics();
  for (const { left, top, right, bottom } of walls) rims.rect(left, top, right - left, bottom - top);
  rims.fill(ink.edge);
  const fills = new Graphics();
  for (const { left, top, right, bottom } of walls) {
    fills.rect(left + RIM, top + RIM, right - left - RIM * 2, bottom - top - RIM * 2);
  }
  fills.fill(ink.wall);
  const hatching = new Graphics();
  for (const wall of walls) hatch(hatching, wall);
  hatching.stroke({ width: 0.035, color: ink.hatch, alpha: 0.5 });
  const container = new Container();
  container.addChild(rims, fills, hatching);
  return container;
}

/** Lines x + y = constant, cut to the wall: how a drawing says "solid". One grid for all, so they meet across walls. */
function hatch(lines: Graphics, { left, top, right, bottom }: Wall): void {
  const l = left + RIM;
  const t = top + RIM;
  const r = right - RIM;
  const b = bottom - RIM;
  for (let sum = Math.ceil((l + t) / HATCH_GAP) * HATCH_GAP; sum < r + b; sum += HATCH_GAP) {
    const fromX = Math.max(l, sum - b);
    const toX = Math.min(r, sum - t);
    if (toX - fromX > 0.02) lines.moveTo(fromX, sum - fromX).lineTo(toX, sum - toX);
  }
}
