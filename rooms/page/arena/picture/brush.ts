import { CanvasSource, Texture } from "pixi.js";

/** Pixels per world unit in the painted textures: more than any screen shows, so that they are only ever made smaller. */
export const PAINTED = 96;

/** Paints `width` by `height` units around the origin, in white. */
export function paint(width: number, height: number, draw: (context: CanvasRenderingContext2D) => void): Texture {
  const { canvas, context } = blank(Math.round(width * PAINTED), Math.round(height * PAINTED));
  context.translate(canvas.width / 2, canvas.height / 2);
  context.scale(PAINTED, PAINTED);
  context.fillStyle = "#fff";
  context.strokeStyle = "#fff";
  context.lineCap = "round";
  context.lineJoin = "round";
  draw(context);
  return textureOf(canvas);
}

export function blank(width: number, height: number) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser has no 2D canvas.");
  return { canvas, context };
}

export function textureOf(canvas: HTMLCanvasElement): Texture {
  return new Texture({ source: new CanvasSource({ resource: canvas, autoGenerateMipmaps: true }) });
}

/** White whose opacity is a function of the distance from the middle, 0 to 1. */
export function radial(size: number, opacity: (distance: number) => number): Texture {
  return perPixel(size, (x, y) => {
    const distance = Math.min(1, Math.hypot(x - size / 2, y - size / 2) / (size / 2));
    return opacity(distance);
  });
}

/** A glow around a rectangle that begins `border` pixels from the edge: stretched by nine-slicing to any wall. */
export function rectangular(size: number, border: number): Texture {
  return perPixel(size, (x, y) => {
    const dx = Math.max(border - x, 0, x - (size - border));
    const dy = Math.max(border - y, 0, y - (size - border));
    const distance = Math.min(1, Math.hypot(dx, dy) / border);
    return (1 - distance) ** 2.6;
  });
}

function perPixel(size: number, opacity: (x: number, y: number) => number): Texture {
  const { canvas, context } = blank(size, size);
  const pixels = context.createImageData(size, size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = (y * size + x) * 4;
      pixels.data.fill(255, at, at + 3);
      pixels.data[at + 3] = Math.round(255 * opacity(x + 0.5, y + 0.5));
    }
  }
  context.putImageData(pixels, 0, 0);
  return textureOf(canvas);
}

export function circle(context: CanvasRenderingContext2D, radius: number, width: number): void {
  context.lineWidth = width;
  context.beginPath();
  context.arc(0, 0, radius, 0, Math.PI * 2);
  context.stroke();
}

export function fillRounded(context: CanvasRenderingContext2D, width: number, height: number, radius: number): void {
  context.beginPath();
  context.roundRect(-width / 2, -height / 2, width, height, radius);
  context.fill();
}
