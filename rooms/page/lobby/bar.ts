import { button, element } from "../dom.ts";
import { amountOf } from "../property/goods.ts";
import type { Catalogue, Purse } from "../property/property.ts";

const SECTIONS = {
  lobby: "Lobby",
  profile: "Profile",
  inventory: "Inventory",
  shop: "Shop",
  leaderboard: "Leaderboard",
} as const;

export type SectionName = keyof typeof SECTIONS;
const names = Object.keys(SECTIONS) as SectionName[];

/** The way between the parts of the lobby, and what is in the purse. */
export class Bar {
  readonly element: HTMLElement;
  readonly #buttons: Readonly<Record<SectionName, HTMLButtonElement>>;
  readonly #purse = element("div", { class: "purse", role: "status", "aria-label": "Purse" });

  constructor(onOpen: (name: SectionName) => void) {
    const made = names.map((name) => [name, button(SECTIONS[name], "tab", () => onOpen(name))] as const);
    this.#buttons = Object.fromEntries(made) as Record<SectionName, HTMLButtonElement>;
    const tabs = element("nav", { class: "tabs", "aria-label": "Parts of the lobby" }, ...made.map(([, tab]) => tab));
    this.element = element("header", { class: "bar" }, tabs, this.#purse);
  }

  mark(open: SectionName): void {
    for (const name of names) {
      if (name === open) this.#buttons[name].setAttribute("aria-current", "page");
      else this.#buttons[name].removeAttribute("aria-current");
    }
  }

  /** As if its button had been pressed, which has the focus then. */
  press(name: SectionName): void {
    this.#buttons[name].focus();
    this.#buttons[name].click();
  }

  showPurse(purse: Purse, catalogue: Catalogue): void {
    const amounts = Object.entries(purse).map(([currency, amount]) => amountOf(currency, amount, catalogue));
    this.#purse.replaceChildren(...amounts);
  }

  hidePurse(): void {
    this.#purse.replaceChildren();
  }
}
