import { button, element, isBusy, setBusy, setText } from "../dom.ts";
import { textOf } from "../words.ts";

interface Question {
  readonly title: string;
  readonly children: readonly HTMLElement[];
  /** What the button says that does it. */
  readonly action: string;
  /** Rejects with what is to be said; asked again, it must be the same request. */
  readonly onYes: () => Promise<void>;
}

/** Asks before something is spent, and stays open, with the reason, when it did not work. */
export class AskDialog {
  readonly element = element("dialog", { class: "ask panel", "aria-labelledby": "ask-title" });
  readonly #title = element("h2", { id: "ask-title" });
  readonly #body = element("div", { class: "ask-body" });
  readonly #problem = element("p", { class: "ask-problem", role: "alert" });
  readonly #yes = element("button", { class: "primary", type: "submit" });
  readonly #no = button("Cancel", "quiet", () => this.element.close());
  #question: Question | undefined;

  constructor() {
    const footer = element("footer", {}, this.#yes, this.#no);
    const form = element("form", {}, this.#title, this.#body, this.#problem, footer);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#carryOut();
    });
    this.element.append(form);
  }

  ask(question: Question): void {
    this.#question = question;
    setText(this.#title, question.title);
    setText(this.#yes, question.action);
    setText(this.#problem, "");
    this.#body.replaceChildren(...question.children);
    if (!this.element.open) this.element.showModal();
    this.#yes.focus();
  }

  async #carryOut(): Promise<void> {
    const question = this.#question;
    if (question === undefined || isBusy(this.#yes)) return;
    setBusy(this.#yes, true);
    setText(this.#problem, "");
    try {
      await question.onYes();
      // Unless it was closed, or asked something else, while the answer was on its way.
      if (this.#question === question) this.element.close();
    } catch (thrown) {
      setText(this.#problem, textOf(thrown));
    } finally {
      setBusy(this.#yes, false);
    }
  }
}
