import { button, element, setBusy } from "../dom.ts";
import { pictureOf } from "../property/pictures.ts";
import type { Belonging, Catalogue } from "../property/property.ts";
import type { Section, SectionParts } from "../sheet/section.ts";
import { part, Sheet } from "../sheet/sheet.ts";
import { countText, numberText, textOf } from "../words.ts";
import { workshop } from "./workshop.ts";

/** What a player has and wears, and what can be made of it. */
export class InventoryView implements Section {
  readonly element: HTMLElement;
  readonly #parts: SectionParts;
  readonly #sheet = new Sheet({
    name: "inventory",
    title: "Inventory",
    line: "Everyone in the match sees what you wear. A change shows from the next match you join.",
  });
  readonly #problem = element("p", { class: "part-problem", role: "alert" });

  constructor(parts: SectionParts) {
    this.#parts = parts;
    this.element = this.#sheet.element;
  }

  focus(): void {
    this.#sheet.focus();
  }

  load(): Promise<void> {
    return this.#sheet.show(async () => {
      const { property } = this.#parts;
      const [catalogue, belongings, purse] = await Promise.all([
        property.catalogue(),
        property.belongings(),
        property.purse(),
      ]);
      this.#problem.textContent = "";
      const made = workshop({ ...this.#parts, catalogue, belongings, purse });
      return [
        part("Worn", this.#slots(catalogue, belongings), this.#problem),
        part("Yours", this.#items(catalogue, belongings)),
        ...(made === null ? [] : [part("Workshop", made)]),
      ];
    });
  }

  #slots(catalogue: Catalogue, belongings: readonly Belonging[]): HTMLElement {
    const slots = [...new Set(Object.values(catalogue.items).flatMap(({ slot }) => slot ?? []))];
    const boxes = slots.map((slot) => {
      const worn = belongings.find(({ item, wornId }) => wornId !== null && catalogue.items[item]?.slot === slot);
      const title = worn === undefined ? "Nothing" : titleOf(worn.item, catalogue);
      const off = button("Take off", "secondary", () => void this.#takeOff(slot, title, off));
      off.dataset["focus"] = `slot ${slot}`;
      off.setAttribute("aria-label", `Take off ${title}`);
      return element(
        "li",
        { class: worn === undefined ? "slot" : "slot is-worn" },
        worn === undefined ? element("i", { class: "thing", "aria-hidden": "true" }) : pictureOf(worn.item),
        element("div", {}, element("small", {}, capital(slot)), element("b", {}, title)),
        worn === undefined ? null : off,
      );
    });
    return element("ul", { class: "slots" }, ...boxes);
  }

  #items(catalogue: Catalogue, belongings: readonly Belonging[]): HTMLElement {
    if (belongings.length === 0) {
      return element("p", { class: "sheet-wait" }, "Nothing yet. Matches bring scrap and gold; the shop has skins.");
    }
    return element("ul", { class: "cards" }, ...belongings.map((belonging) => this.#card(catalogue, belonging)));
  }

  #card(catalogue: Catalogue, { item, quantity, ids, wornId }: Belonging): HTMLElement {
    const title = titleOf(item, catalogue);
    const slot = catalogue.items[item]?.slot;
    const kind = slot === undefined ? "Material" : capital(slot);
    const [firstId] = ids;
    const wear = button("Wear", "secondary", () => void this.#wear({ item, itemId: firstId ?? "", slot }, title, wear));
    wear.dataset["focus"] = `wear ${item}`;
    wear.setAttribute("aria-label", `Wear ${title}`);
    const isWearable = slot !== undefined && wornId === null && firstId !== undefined;
    return element(
      "li",
      { class: wornId === null ? "card" : "card is-worn" },
      pictureOf(item),
      quantity === 1
        ? null
        : element("span", { class: "card-count", title: countText(quantity, "piece") }, `×${numberText(quantity)}`),
      element("b", {}, title),
      element("small", {}, kind),
      isWearable ? wear : null,
      wornId === null ? null : element("span", { class: "card-mark" }, "Worn"),
    );
  }

  #wear(what: { item: string; itemId: string; slot: string | undefined }, title: string, by: HTMLButtonElement) {
    const { client, intents } = this.#parts.property;
    const send = (key: string) => client.api("POST /api/inventory/equip", { body: { key, itemId: what.itemId } });
    return this.#change(by, `You wear ${title} from your next match on.`, () =>
      intents(`slot ${what.slot}`, what.itemId, send),
    );
  }

  #takeOff(slot: string, title: string, by: HTMLButtonElement) {
    const { client, intents } = this.#parts.property;
    const send = (key: string) => client.api("POST /api/inventory/unequip", { body: { key, slot } });
    return this.#change(by, `${title} is off from your next match on.`, () => intents(`slot ${slot}`, "nothing", send));
  }

  async #change(by: HTMLButtonElement, note: string, send: () => Promise<unknown>): Promise<void> {
    setBusy(by, true);
    this.#problem.textContent = "";
    try {
      await send();
      this.#parts.onChange(note);
    } catch (thrown) {
      setBusy(by, false);
      this.#problem.textContent = textOf(thrown);
    }
  }
}

function titleOf(item: string, catalogue: Catalogue): string {
  return catalogue.items[item]?.title ?? item;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
