import { describe, expect, test } from "vitest";
import { HALF_HEIGHT, HALF_WIDTH } from "../../../arena/rules.ts";
import { Camera } from "./camera.ts";

const SCREENS = [
  [1920, 1080],
  [1280, 1024],
  [2560, 1080],
  [844, 390],
  [390, 844],
  [1000, 1000],
] as const;

function look(width: number, height: number, x: number, y: number): Camera {
  const camera = new Camera();
  camera.resize(width, height);
  camera.jump(x, y);
  camera.update({ x, y, leadX: 0, leadY: 0 }, 0.016);
  return camera;
}

describe("camera", () => {
  test("no screen shows more of the arena than another", () => {
    const areas = SCREENS.map(([width, height]) => (width * height) / look(width, height, 0, 0).scale ** 2);
    for (const area of areas) expect(area).toBeCloseTo(areas[0] ?? 0, 6);
  });

  test("a screen far longer than high shows less, not more", () => {
    const common = look(1920, 1080, 0, 0);
    const ribbon = look(4000, 500, 0, 0);
    expect((4000 * 500) / ribbon.scale ** 2).toBeLessThan((1920 * 1080) / common.scale ** 2);
  });

  test("a place on the screen and the place in the world under it are the same place", () => {
    for (const [width, height] of SCREENS) {
      const camera = look(width, height, 5, -3);
      expect(camera.worldX(camera.screenX(7.25))).toBeCloseTo(7.25);
      expect(camera.worldY(camera.screenY(-11.5))).toBeCloseTo(-11.5);
    }
  });

  test("whoever stands in a corner of the arena is on the screen", () => {
    for (const [width, height] of SCREENS) {
      for (const [x, y] of [
        [HALF_WIDTH - 2, HALF_HEIGHT - 2],
        [2 - HALF_WIDTH, 2 - HALF_HEIGHT],
      ] as const) {
        const camera = look(width, height, x, y);
        expect(camera.screenX(x)).toBeGreaterThan(0);
        expect(camera.screenX(x)).toBeLessThan(width);
        expect(camera.screenY(y)).toBeGreaterThan(0);
        expect(camera.screenY(y)).toBeLessThan(height);
      }
    }
  });
});
