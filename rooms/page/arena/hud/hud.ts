import type { ArenaEvent } from "../../../../schema/state/arena.ts";
import { button, element, setClass, setText } from "../../dom.ts";
import type { Feed } from "../feed.ts";
import type { Sounds } from "../sounds.ts";
import { Banner } from "./banner.ts";
import { ClockAndScore } from "./clock-and-score.ts";
import { ConnectionNotice } from "./connection.ts";
import { KillFeed } from "./kill-feed.ts";
import { NetGraph } from "./net-graph.ts";
import { Results } from "./results.ts";
import { Scoreboard } from "./scoreboard.ts";
import { Vitals } from "./vitals.ts";

/** The HTML over the picture is brought up to date this often; eyes do not read faster. */
const EVERY_MS = 33;

interface HudParts {
  readonly feed: Feed;
  readonly sounds: Sounds;
  readonly onLeave: () => void;
}

/** Everything that is written over the match. */
export class Hud {
  readonly element: HTMLElement;
  readonly #feed: Feed;
  readonly #clock = new ClockAndScore();
  readonly #vitals = new Vitals();
  readonly #kills: KillFeed;
  readonly #scoreboard = new Scoreboard();
  readonly #banner: Banner;
  readonly #results: Results;
  readonly #connection: ConnectionNotice;
  readonly #net = new NetGraph();
  #updatedMs = 0;

  constructor({ feed, sounds, onLeave }: HudParts) {
    this.#feed = feed;
    this.#kills = new KillFeed(feed);
    this.#banner = new Banner(feed, sounds);
    this.#results = new Results(feed, sounds);
    this.#connection = new ConnectionNotice(feed, onLeave);
    const leave = button("Leave", "hud-button", onLeave);
    const menu = element(
      "nav",
      { class: "hud-menu" },
      leave,
      soundButton(sounds),
      this.#scoreboard.button,
      this.#net.button,
    );
    this.element = element(
      "div",
      { class: "hud" },
      this.#vitals.edge,
      menu,
      this.#net.element,
      this.#clock.element,
      this.#kills.element,
      this.#vitals.element,
      this.#banner.element,
      this.#scoreboard.element,
      this.#results.element,
      this.#connection.element,
    );
  }

  play(event: ArenaEvent): void {
    this.#kills.play(event);
    this.#banner.play(event);
    this.#results.play(event);
  }

  /** Once per frame. */
  update(nowMs: number): void {
    this.#net.update(this.#feed, nowMs);
    if (nowMs - this.#updatedMs < EVERY_MS) return;
    this.#updatedMs = nowMs;
    this.#clock.update(this.#feed);
    this.#vitals.update(this.#feed);
    this.#scoreboard.update(this.#feed);
    this.#banner.update();
    this.#results.update();
    this.#connection.update();
  }

  close(): void {
    this.#scoreboard.close();
    this.#net.close();
  }
}

function soundButton(sounds: Sounds): HTMLButtonElement {
  const made = button("Sound", "hud-button", () => {
    sounds.toggle();
    show();
  });
  const show = () => {
    setText(made, sounds.isMuted ? "Sound off" : "Sound on");
    setClass(made, "is-off", sounds.isMuted);
    // Otherwise the space bar, which dashes, would press it again.
    made.blur();
  };
  show();
  return made;
}
