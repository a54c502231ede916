import "pixi.js/unsafe-eval";
import "pixi.js/graphics";
import "pixi.js/sprite-nine-slice";
import "pixi.js/sprite-tiling";
import "pixi.js/text";
import "pixi.js/text-bitmap";
import { Container, WebGLRenderer } from "pixi.js";
import type { Feed } from "../feed.ts";
import { Camera } from "./camera.ts";
import { ink } from "./palette.ts";
import { Scene } from "./scene.ts";
import { paintTextures, type Textures } from "./textures.ts";

/** Beyond this a display shows no more, but a phone's battery notices. */
const PIXEL_RATIO_MAX = 2;
/** A machine slower than this (not a browser that saves power at 30 a second) gets fewer pixels, because a smooth picture is worth more than a sharp one. */
const SLOW_SECONDS = 1 / 25;
const QUALITY_STEP = 0.75;
const QUALITY_MIN = 0.5;
/** Frames that are judged together. The first ones, which compile and upload, are in their own lot. */
const LOT_FRAMES = 60;

/** The canvas behind everything: one for lobby and match, since a browser allows few of them. */
export class Picture {
  readonly camera = new Camera();
  readonly canvas: HTMLCanvasElement;
  readonly #renderer: WebGLRenderer;
  readonly #textures: Textures;
  readonly #stage = new Container({ interactiveChildren: false });
  #scene: Scene | undefined;
  #width = 0;
  #height = 0;
  #quality: number;
  #lotFrames = 0;
  #lotSeconds = 0;
  #lots = 0;

  private constructor(canvas: HTMLCanvasElement, renderer: WebGLRenderer, quality: number) {
    this.canvas = canvas;
    this.#quality = quality;
    this.#renderer = renderer;
    this.#textures = paintTextures();
  }

  /** Fails when the browser has no WebGL. */
  static async create(canvas: HTMLCanvasElement): Promise<Picture> {
    const renderer = new WebGLRenderer();
    const isFast = hasGraphicsCard();
    await renderer.init({
      canvas,
      width: window.innerWidth,
      height: window.innerHeight,
      resolution: Math.min(window.devicePixelRatio, PIXEL_RATIO_MAX),
      autoDensity: true,
      antialias: isFast,
      backgroundColor: ink.void,
      powerPreference: "high-performance",
      // Everything that is drawn is imported above; Pixi's own detection would load what is not.
      skipExtensionImports: true,
    });
    return new Picture(canvas, renderer, isFast ? 1 : QUALITY_MIN);
  }

  /** Shows this match from now on, instead of whatever was shown before. */
  show(feed: Feed): Scene {
    this.#scene?.world.destroy({ children: true });
    const scene = new Scene(feed, this.#textures, this.camera);
    this.#scene = scene;
    this.#stage.addChild(scene.world);
    return scene;
  }

  /** Draws the scene as the camera sees it, `dt` seconds after the last time. */
  draw(dt: number): void {
    const scene = this.#scene;
    if (scene === undefined) return;
    this.#judge(dt);
    const { camera } = this;
    scene.world.scale.set(camera.scale);
    scene.world.position.set(camera.screenX(0), camera.screenY(0));
    this.#renderer.render(this.#stage);
  }

  /** Follows the window, also onto a monitor of another pixel density. Cheap when nothing changed. */
  fit(): void {
    const { innerWidth, innerHeight, devicePixelRatio } = window;
    const resolution = Math.min(devicePixelRatio, PIXEL_RATIO_MAX) * this.#quality;
    if (innerWidth === this.#width && innerHeight === this.#height && resolution === this.#renderer.resolution) return;
    this.#width = innerWidth;
    this.#height = innerHeight;
    this.#renderer.resize(innerWidth, innerHeight, resolution);
    this.camera.resize(innerWidth, innerHeight);
  }

  /** Lowers the resolution a step at a time while frames come too slowly. It never rises again: that would flicker. */
  #judge(dt: number): void {
    this.#lotFrames += 1;
    this.#lotSeconds += dt;
    if (this.#lotFrames < LOT_FRAMES) return;
    const isSlow = this.#lotSeconds / this.#lotFrames > SLOW_SECONDS;
    if (isSlow && this.#lots > 0) this.#quality = Math.max(QUALITY_MIN, this.#quality * QUALITY_STEP);
    this.#lots += 1;
    this.#lotFrames = 0;
    this.#lotSeconds = 0;
  }
}

/** Whether the browser draws with a graphics card. A processor that does it alone, as in most tests, needs to be spared. */
function hasGraphicsCard(): boolean {
  const probe = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (probe === null) return false;
  // Chromium does not count its own software renderer as a caveat, but it says its name.
  const names = probe.getExtension("WEBGL_debug_renderer_info");
  const name = String(probe.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? probe.RENDERER));
  probe.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(name);
}
