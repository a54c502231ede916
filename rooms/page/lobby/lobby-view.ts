import { type ArenaMode, modes } from "../../../schema/state/arena.ts";
import type { Client } from "../../../src/client/client.ts";
import { createOfflineFeed } from "../arena/offline-feed.ts";
import type { Picture } from "../arena/picture/picture.ts";
import { button, element, setClass, setText } from "../dom.ts";
import { InventoryView } from "../inventory/inventory-view.ts";
import { LeaderboardsView } from "../leaderboards/leaderboards-view.ts";
import { ProfileView } from "../profile/profile-view.ts";
import { createProperty, type Property } from "../property/property.ts";
import { AskDialog } from "../sheet/ask-dialog.ts";
import type { Section } from "../sheet/section.ts";
import { ShopView } from "../shop/shop-view.ts";
import type { View } from "../view.ts";
import { textOf } from "../words.ts";
import { AccountCard } from "./account-card.ts";
import { Backdrop } from "./backdrop.ts";
import { Bar, type SectionName } from "./bar.ts";
import { askForFriends } from "./friends.ts";
import { takeMailedLink } from "./mailed-link.ts";
import { Notice } from "./notice.ts";
import { SignInDialog } from "./sign-in-dialog.ts";
import wordmark from "./wordmark.svg";

const MODES: Readonly<Record<ArenaMode, { title: string; line: string }>> = {
  ffa: { title: "Free for all", line: "Up to 16 players · first to 25" },
  duel: { title: "Duel", line: "One against one · first to 10" },
};
/** So many frames of the page are one of the backdrop then. */
const FRAMES_BEHIND_SHEET = 4;
const STORED_MODE = "sightline.mode";

interface LobbyParts {
  readonly client: Client;
  /** Rejects where the browser cannot draw. */
  readonly picture: Promise<Picture>;
  /** Joins a match; rejects with ClientError when there is none to be had. */
  readonly onPlay: (mode: ArenaMode) => Promise<void>;
  readonly onPractise: (mode: ArenaMode) => Promise<void>;
  /** Likewise into a private room, a new one or the one with this code. */
  readonly onInvite: (mode: ArenaMode) => Promise<void>;
  readonly onCode: (code: string) => Promise<void>;
}

/** Where players come from and go back to: the way into a match, who they are, and what they have. */
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
  readonly #friends = button("Play with friends", "quiet friends", () => this.#askForFriends());
  readonly #retry = button("Try again", "secondary", () => void this.#load());
  readonly #problem = element("div", { class: "lobby-problem", role: "alert" });
  readonly #bar = new Bar((name) => this.#open(name));
  readonly #notice = new Notice();
  readonly #askDialog = new AskDialog();
  readonly #guest = element(
    "p",
    { class: "guest-note" },
    "You play as a guest: all this belongs to this browser.",
    button("Save my progress", "secondary", () => this.#dialog.open("register")),
  );
  readonly #sections: Readonly<Record<Exclude<SectionName, "lobby">, Section>>;
  readonly #stage = element("div", { class: "stage" });
  readonly #property: Property;
  #section: SectionName = "lobby";
  #mode: ArenaMode = modes.find((mode) => mode === localStorage.getItem(STORED_MODE)) ?? "ffa";
  #backdrop: Backdrop | undefined;
  #isClosed = false;
  #frames = 0;
  #unseenSeconds = 0;

  constructor(parts: LobbyParts) {
    this.#parts = parts;
    this.#card = new AccountCard({
      onRegister: () => this.#dialog.open("register"),
      onSignIn: () => this.#dialog.open("signIn"),
      onSignOut: () => void this.#signOut(),
    });
    this.#dialog = new SignInDialog({ accounts: parts.client.accounts, onDone: () => void this.#load() });
    const askDialog = this.#askDialog;
    const property = createProperty(parts.client);
    const onChange = (note: string) => {
      this.#notice.say(note);
      void this.#load();
    };
    const sectionParts = { property, onChange, ask: askDialog.ask.bind(askDialog) };
    this.#sections = {
      profile: new ProfileView(sectionParts),
      inventory: new InventoryView(sectionParts),
      shop: new ShopView(sectionParts),
      leaderboard: new LeaderboardsView(sectionParts),
    };
    this.#property = property;
    const home = element("div", { class: "home" }, this.#door(), this.#card.element);
    this.#stage.append(home, this.#guest, ...Object.values(this.#sections).map((section) => section.element));
    const dialogs = [this.#dialog.element, askDialog.element];
    this.element = element("div", { class: "lobby" }, this.#bar.element, this.#stage, this.#notice.element, ...dialogs);
    this.#open("lobby");
    document.addEventListener("keydown", this.#onKey);
    void this.#hang();
    void this.#load();
    const link = takeMailedLink();
    // A dialog opens only in a page, which this view becomes part of in a moment.
    if (link !== null) queueMicrotask(() => this.#dialog.openLink(link));
  }

  frame(nowMs: number, dt: number): void {
    this.#unseenSeconds += dt;
    this.#frames += 1;
    // Behind something to read it is dark, and a phone's battery is better kept for the match.
    if (this.#section !== "lobby" && this.#frames % FRAMES_BEHIND_SHEET !== 0) return;
    this.#backdrop?.frame(nowMs, this.#unseenSeconds);
    this.#unseenSeconds = 0;
  }

  close(): void {
    this.#isClosed = true;
    document.removeEventListener("keydown", this.#onKey);
  }

  #open(name: SectionName): void {
    this.#section = name;
    this.#bar.mark(name);
    this.#stage.dataset["section"] = name;
    this.#stage.scrollTop = 0;
    for (const [key, { element: sheet }] of Object.entries(this.#sections)) sheet.hidden = key !== name;
    const section = name === "lobby" ? undefined : this.#sections[name];
    // The backdrop stays as it is; who opens something to read wants to begin there.
    section?.focus();
    void section?.load();
  }

  /** Escape leads back to the door, unless it has just closed a dialog. */
  readonly #onKey = (event: KeyboardEvent): void => {
    const isInDialog = event.target instanceof Element && event.target.closest("dialog") !== null;
    if (event.key === "Escape" && this.#section !== "lobby" && !isInDialog) this.#bar.press("lobby");
  };

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
      this.#friends,
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
      this.#friends.disabled = true;
      this.#say("This browser cannot draw the game: it has no WebGL.");
    }
  }

  /** Asks the server who this is: the account of the session there is, or a new guest. */
  async #load(): Promise<void> {
    const { accounts, progression } = this.#parts.client;
    if (this.#retry.isConnected) this.#say("");
    try {
      const account = await accounts.ensureGuest();
      const [progress, matches, purse, catalogue] = await Promise.all([
        progression.me(),
        progression.matches({ limit: 5 }),
        this.#property.purse(),
        this.#property.catalogue(),
        this.#section === "lobby" ? undefined : this.#sections[this.#section].load(),
      ]);
      if (this.#isClosed) return;
      this.#card.show({ account, progress, matches });
      this.#bar.showPurse(purse, catalogue);
      this.#guest.hidden = account.kind !== "guest";
    } catch (thrown) {
      this.#card.showNobody();
      this.#bar.hidePurse();
      this.#guest.hidden = true;
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

  #askForFriends(): void {
    const { onInvite, onCode } = this.#parts;
    this.#askDialog.ask(askForFriends({ onInvite: () => onInvite(this.#mode), onCode }));
    this.#askDialog.element.querySelector("input")?.focus();
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
