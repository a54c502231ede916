import { button, element, redraw } from "../dom.ts";
import { textOf } from "../words.ts";

interface SheetParts {
  readonly title: string;
  /** One line below the title. */
  readonly line?: string;
  /** For the stylesheet. */
  readonly name: string;
}

/** One part of the lobby besides its door: a title, and below it whatever was read last. */
export class Sheet {
  readonly element: HTMLElement;
  readonly #title: HTMLElement;
  readonly #body = element("div", { class: "sheet-body" });
  #turn = 0;

  constructor({ title, line = "", name }: SheetParts) {
    this.#title = element("h2", { tabindex: "-1" }, title);
    this.element = element(
      "section",
      { class: `sheet sheet-${name} panel`, "aria-label": title },
      element("header", { class: "sheet-head" }, this.#title, line === "" ? null : element("p", {}, line)),
      this.#body,
    );
  }

  /** Where somebody who reads with the ears begins. */
  focus(): void {
    this.#title.focus();
  }

  /** Draws what `read` gives. Until then what was there stays; a failure is said in words, with a way to try again. */
  async show(read: () => Promise<readonly HTMLElement[]>): Promise<void> {
    const turn = ++this.#turn;
    this.#body.setAttribute("aria-busy", "true");
    if (this.#body.childElementCount === 0) this.#body.append(element("p", { class: "sheet-wait" }, "One moment …"));
    const drawn = await read().catch((thrown: unknown) => [this.#problem(textOf(thrown), () => void this.show(read))]);
    // Of two that were asked for, the later one counts.
    if (turn !== this.#turn) return;
    this.#body.removeAttribute("aria-busy");
    redraw(this.#body, drawn, this.#title);
  }

  #problem(text: string, onRetry: () => void): HTMLElement {
    const retry = button("Try again", "secondary", onRetry);
    return element("div", { class: "sheet-problem", role: "alert" }, element("p", {}, text), retry);
  }
}

/** A part of a sheet with a title of its own. */
export function part(title: string, ...children: (HTMLElement | null)[]): HTMLElement {
  return element("section", { class: "part", "aria-label": title }, element("h3", {}, title), ...children);
}

/** One of few, as a row of buttons. */
export function choice<Value extends string>(
  label: string,
  options: readonly { readonly value: Value; readonly title: string }[],
  chosen: { readonly value: Value; readonly onChoose: (value: Value) => void },
): HTMLElement {
  const buttons = options.map(({ value, title }) => {
    const made = button(title, "choice", () => chosen.onChoose(value));
    made.setAttribute("aria-pressed", String(value === chosen.value));
    made.dataset["focus"] = `${label} ${value}`;
    return made;
  });
  return element("div", { class: "choices", role: "group", "aria-label": label }, ...buttons);
}
