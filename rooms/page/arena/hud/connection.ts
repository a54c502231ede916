import { closeCodes } from "../../../../schema/protocol.ts";
import { button, element, setClass } from "../../dom.ts";
import type { Feed } from "../feed.ts";

/** What to tell a player whose match is over for good, by the connection's close code. */
const ENDINGS: Readonly<Record<number, { title: string; line: string }>> = {
  [closeCodes.SERVER_SHUTDOWN]: {
    title: "The server is restarting",
    line: "Your finished matches are safe. Join again in a moment.",
  },
  [closeCodes.FAULT]: {
    title: "The room met a fault",
    line: "This match could not go on. It was our mistake, not yours.",
  },
  [closeCodes.RECONNECT_FAILED]: {
    title: "Your seat is gone",
    line: "The connection was away for too long, so the match went on without you.",
  },
  [closeCodes.SIGNED_OUT]: { title: "Signed out", line: "This session was ended, here or on another device." },
  [closeCodes.BANNED]: { title: "Banned", line: "This account may not play. Signing in says why, and until when." },
  [closeCodes.REPLACED]: {
    title: "Playing elsewhere",
    line: "You joined this match in another window, and it took over from this one.",
  },
};
const UNKNOWN = { title: "Connection lost", line: "The server could not be reached again. Check your network." };

/** Over everything else: "reconnecting" while the connection is away, and the last word when it will not come back. */
export class ConnectionNotice {
  readonly element: HTMLElement;
  readonly #feed: Feed;
  readonly #onLeave: () => void;
  #shownCode: number | null = null;

  constructor(feed: Feed, onLeave: () => void) {
    this.#feed = feed;
    this.#onLeave = onLeave;
    this.element = element("div", { class: "connection", role: "alert" });
  }

  update(): void {
    const { endCode, isConnected } = this.#feed;
    setClass(this.element, "is-open", endCode !== null || !isConnected);
    setClass(this.element, "is-final", endCode !== null);
    if (endCode !== null) {
      if (endCode !== this.#shownCode) this.#showEnd(endCode);
      return;
    }
    if (!isConnected && this.element.childElementCount === 0) this.#showLoss();
    if (isConnected && this.element.childElementCount > 0) this.element.replaceChildren();
  }

  #showLoss(): void {
    const line = "Your seat is kept for half a minute. You need do nothing.";
    this.element.replaceChildren(
      element(
        "div",
        { class: "panel" },
        element("i", { class: "spinner" }),
        element("h2", {}, "Reconnecting"),
        element("p", {}, line),
      ),
    );
  }

  #showEnd(code: number): void {
    this.#shownCode = code;
    const { title, line } = ENDINGS[code] ?? UNKNOWN;
    const back = button("Back to the lobby", "primary", this.#onLeave);
    this.element.replaceChildren(
      element("div", { class: "panel" }, element("h2", {}, title), element("p", {}, line), back),
    );
    back.focus();
  }
}
