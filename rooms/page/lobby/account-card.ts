import type { Account } from "../../../src/client/accounts.ts";
import type { PlayedMatch, Progress } from "../../../src/client/progression.ts";
import { button, element, setVariable } from "../dom.ts";
import { sinceText } from "../words.ts";

const MATCHES_SHOWN = 4;

interface CardActions {
  readonly onRegister: () => void;
  readonly onSignIn: () => void;
  readonly onSignOut: () => void;
}

interface CardContent {
  readonly account: Account;
  readonly progress: Progress;
  readonly matches: readonly PlayedMatch[];
}

/** Who plays: name, level, the way to the next one, and the last matches. */
export class AccountCard {
  readonly element = element("aside", { class: "account panel", "aria-label": "Your account" });
  readonly #actions: CardActions;

  constructor(actions: CardActions) {
    this.#actions = actions;
    this.showWaiting();
  }

  /** Until the server has said who this is. */
  showWaiting(): void {
    this.element.replaceChildren(element("p", { class: "account-wait" }, "Signing in …"));
  }

  /** When it cannot be said. The lobby says why. */
  showNobody(): void {
    this.element.replaceChildren(element("p", { class: "account-wait" }, "Not signed in"));
  }

  show({ account, progress, matches }: CardContent): void {
    this.element.replaceChildren(
      this.#head(account, progress),
      bar(progress),
      matches.length === 0
        ? element("p", { class: "account-wait" }, "Your matches will be listed here.")
        : element("ol", { class: "account-matches" }, ...matches.slice(0, MATCHES_SHOWN).map(line)),
      this.#ways(account),
    );
  }

  #head(account: Account, { level, matches, wins }: Progress): HTMLElement {
    const played = matches === 0 ? "No matches yet" : `${matches} ${matches === 1 ? "match" : "matches"} · ${wins} won`;
    const sub = account.kind === "guest" ? `Guest · ${played}` : played;
    return element(
      "header",
      {},
      element("b", { class: "account-level", title: "Level" }, String(level)),
      element("div", {}, element("h2", {}, account.displayName), element("p", {}, sub)),
    );
  }

  #ways(account: Account): HTMLElement {
    const { onRegister, onSignIn, onSignOut } = this.#actions;
    if (account.kind === "registered") {
      return element("footer", {}, button("Sign out", "quiet", onSignOut));
    }
    return element(
      "footer",
      {},
      button("Save my progress", "secondary", onRegister),
      button("Sign in", "quiet", onSignIn),
    );
  }
}

function bar({ xp, xpIntoLevel, xpForNextLevel }: Progress): HTMLElement {
  const track = element("i", { class: "account-bar" });
  setVariable(track, "--share", xpForNextLevel === null ? "1" : (xpIntoLevel / xpForNextLevel).toFixed(3));
  const text = xpForNextLevel === null ? `${xp} XP · highest level` : `${xpIntoLevel} / ${xpForNextLevel} XP`;
  return element("div", { class: "account-xp" }, track, element("span", {}, text));
}

function line({ mode, placement, kills, deaths, xpGained, endedAt }: PlayedMatch): HTMLElement {
  return element(
    "li",
    { class: placement === 1 ? "is-won" : "" },
    element("b", {}, `#${placement}`),
    element("span", {}, mode === "duel" ? "Duel" : "Free for all"),
    element("span", {}, `${kills} / ${deaths}`),
    element("span", {}, `+${xpGained} XP`),
    element("time", {}, sinceText(endedAt)),
  );
}
