import { type ArenaMode, modes } from "../../../schema/state/arena.ts";
import type { Client } from "../../../src/client/client.ts";
import { ClientError } from "../../../src/client/errors.ts";
import { createOfflineFeed } from "../arena/offline-feed.ts";
import type { Picture } from "../arena/picture/picture.ts";
import { button, element, setClass, setText } from "../dom.ts";
import type { View } from "../view.ts";
import { AccountCard } from "./account-card.ts";
import { Backdrop } from "./backdrop.ts";
import { takeMailedLink } from "./mailed-link.ts";
import { SignInDialog } from "./sign-in-dialog.ts";
import wordmark from "./wordmark.svg";

const MODES: Readonly<Record<ArenaMode, { title: string; line: string }>> = {
  ffa: { title: "Free for all", line: "Up to 16 players · first to 25" },
  duel: { title: "Duel", line: "One against one · first to 10" },
};
const STORED_MODE = "sightline.mode";

interface LobbyParts {
  readonly client: Client;
  /** Rejects where the browser cannot draw. */
  readonly picture: Promise<Picture>;
  /** Joins a match; rejects with ClientError when there is none to be had. */
  readonly onPlay: (mode: ArenaMode) => Promise<void>;
  readonly onPractise: (mode: ArenaMode) => Promise<void>;
}

/** Where players come from and go back to: the name of the game, who they are, and the way into a match. */
export class LobbyView implements View {
  readonly element: HTMLElement;
  readonly #parts: LobbyParts;
  readonly #card: AccountCard;
  readonly #dialog: SignInDialog;
  readonly #play = button("Play", "primary play", () => void this.#join());
  readonly #practise = button(
    "Practise against bots",
    "secondary practise",
    () => void this.#parts.onPractise(this.#mode),
  );
  readonly #retry = button("Try again", "secondary", () => void this.#load());
  readonly #problem = element("div", { class: "lobby-problem", role: "alert" });
  #mode: ArenaMode = modes.find((mode) => mode === localStorage.getItem(STORED_MODE)) ?? "ffa";
  #backdrop: Backdrop | undefined;
  #isClosed = false;

  constructor(parts: LobbyParts) {
    this.#parts = parts;
    this.#card = new AccountCard({
      onRegister: () => this.#dialog.open("register"),
      onSignIn: () => this.#dialog.open("signIn"),
      onSignOut: () => void this.#signOut(),
    });
    this.#dialog = new SignInDialog({ accounts: parts.client.accounts, onDone: () => void this.#load() });
    this.element = element("div", { class: "lobby" }, this.#door(), this.#card.element, this.#dialog.element);
    void this.#hang();
    void this.#load();
    const link = takeMailedLink();
    // A dialog opens only in a page, which this view becomes part of in a moment.
    if (link !== null) queueMicrotask(() => this.#dialog.openLink(link));
  }

  frame(nowMs: number, dt: number): void {
    this.#backdrop?.frame(nowMs, dt);
  }

  close(): void {
    this.#isClosed = true;
  }

  #door(): HTMLElement {
    const choice = element("div", { class: "modes", role: "radiogroup", "aria-label": "Mode" }, ...this.#modeButtons());
    const keys = [
      ["WASD", "move"],
      ["Mouse", "aim and fire"],
      ["Space", "dash"],
      ["Tab", "scores"],
    ] as const;
    const hints = keys.map(([key, meaning]) => element("li", {}, element("kbd", {}, key), meaning));
    return element(
      "section",
      { class: "door" },
      element("h1", { class: "wordmark" }, lettering(), element("i", { "aria-hidden": "true" })),
      element(
        "p",
        { class: "tagline" },
        "See first. Shoot straight. Every shot is judged by the server, at the moment you saw it.",
      ),
      choice,
      element("div", { class: "door-ways" }, this.#play, this.#practise),
      this.#problem,
      element("ul", { class: "hints" }, ...hints),
    );
  }

  #modeButtons(): HTMLElement[] {
    const buttons = modes.map((mode) => {
      const { title, line } = MODES[mode];
      const made = button("", "mode", () => choose(mode));
      made.setAttribute("role", "radio");
      made.append(element("b", {}, title), element("span", {}, line));
      return made;
    });
    const choose = (chosen: ArenaMode) => {
      this.#mode = chosen;
      localStorage.setItem(STORED_MODE, chosen);
      modes.forEach((mode, index) => {
        buttons[index]?.setAttribute("aria-checked", String(mode === chosen));
      });
    };
    choose(this.#mode);
    return buttons;
  }

  /** Hangs the fight up behind the words, once it can be drawn. */
  async #hang(): Promise<void> {
    try {
      const picture = await this.#parts.picture;
      if (!this.#isClosed) this.#backdrop = new Backdrop(picture, createOfflineFeed({ mode: "ffa", players: 9 }));
    } catch {
      this.#play.disabled = true;
      this.#practise.disabled = true;
      this.#say("This browser cannot draw the game: it has no WebGL.");
    }
  }

  /** Asks the server who this is: the account of the session there is, or a new guest. */
  async #load(): Promise<void> {
    const { accounts, progression } = this.#parts.client;
    this.#card.showWaiting();
    this.#retry.remove();
    try {
      const account = await accounts.ensureGuest();
      const [progress, matches] = await Promise.all([progression.me(), progression.matches({ limit: 5 })]);
      if (!this.#isClosed) this.#card.show({ account, progress, matches });
    } catch (thrown) {
      this.#card.showNobody();
      this.#say(textOf(thrown));
      this.#problem.append(this.#retry);
    }
  }

  async #signOut(): Promise<void> {
    try {
      await this.#parts.client.accounts.signOut();
      await this.#load();
    } catch (thrown) {
      this.#say(textOf(thrown));
    }
  }

  async #join(): Promise<void> {
    this.#play.disabled = true;
    setText(this.#play, "Finding a match …");
    this.#say("");
    try {
      await this.#parts.onPlay(this.#mode);
    } catch (thrown) {
      this.#say(textOf(thrown));
    } finally {
      this.#play.disabled = false;
      setText(this.#play, "Play");
    }
  }

  #say(problem: string): void {
    this.#problem.replaceChildren(...(problem === "" ? [] : [element("p", {}, problem)]));
    setClass(this.#problem, "is-open", problem !== "");
  }
}

/** The name in letters of its own, the same on every system; the line through them is CSS. */
function lettering(): HTMLImageElement {
  const image = element("img");
  image.src = wordmark;
  image.alt = "Sightline";
  return image;
}

function textOf(thrown: unknown): string {
  if (!(thrown instanceof ClientError)) return "Something went wrong in this page. Reload it.";
  const wait = thrown.retryAfterSeconds === undefined ? "" : ` Try again in ${Math.ceil(thrown.retryAfterSeconds)} s.`;
  return thrown.message + wait;
}
