import {
  DISPLAY_NAME_CHARS_MAX,
  EMAIL_CHARS_MAX,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
} from "../../../schema/protocol.ts";
import type { AccountsClient } from "../../../src/client/accounts.ts";
import { ClientError } from "../../../src/client/errors.ts";
import { button, element, setText } from "../dom.ts";

type Purpose = "register" | "signIn";

const TEXTS = {
  register: {
    title: "Save your progress",
    line: "With an e-mail address and a password you can play on from any browser. Level and matches stay.",
    action: "Create account",
    other: "I have an account already",
  },
  signIn: {
    title: "Sign in",
    line: "Play on with the account you have.",
    action: "Sign in",
    other: "I have no account yet",
  },
} as const;

interface DialogParts {
  readonly accounts: AccountsClient;
  /** Somebody has signed in or registered. */
  readonly onDone: () => void;
}

/** One small form for both ways to a lasting account. */
export class SignInDialog {
  readonly element = element("dialog", { class: "sign-in panel" });
  readonly #parts: DialogParts;
  readonly #title = element("h2");
  readonly #line = element("p");
  readonly #problem = element("p", { class: "sign-in-problem", role: "alert" });
  readonly #email = input({ name: "email", type: "email", autocomplete: "username" });
  readonly #password = input({ name: "password", type: "password", autocomplete: "current-password" });
  readonly #displayName = input({ name: "displayName", type: "text", autocomplete: "nickname" });
  readonly #nameField = field("Name in the game", this.#displayName, "optional");
  readonly #submit = element("button", { class: "primary", type: "submit" });
  readonly #other = button("", "quiet", () => this.#switch());
  #purpose: Purpose = "register";

  constructor(parts: DialogParts) {
    this.#parts = parts;
    this.#email.required = true;
    this.#email.maxLength = EMAIL_CHARS_MAX;
    this.#password.required = true;
    this.#password.minLength = PASSWORD_CHARS_MIN;
    this.#password.maxLength = PASSWORD_CHARS_MAX;
    this.#displayName.maxLength = DISPLAY_NAME_CHARS_MAX;
    const form = element(
      "form",
      {},
      this.#title,
      this.#line,
      field("E-mail", this.#email),
      field("Password", this.#password),
      this.#nameField,
      this.#problem,
      element(
        "footer",
        {},
        this.#submit,
        button("Cancel", "quiet", () => this.element.close()),
      ),
      this.#other,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.element.append(form);
  }

  open(purpose: Purpose): void {
    this.#show(purpose);
    this.element.showModal();
    this.#email.focus();
  }

  #switch(): void {
    this.#show(this.#purpose === "register" ? "signIn" : "register");
  }

  #show(purpose: Purpose): void {
    this.#purpose = purpose;
    const texts = TEXTS[purpose];
    setText(this.#title, texts.title);
    setText(this.#line, texts.line);
    setText(this.#submit, texts.action);
    setText(this.#other, texts.other);
    setText(this.#problem, "");
    this.#nameField.hidden = purpose === "signIn";
    this.#password.autocomplete = purpose === "register" ? "new-password" : "current-password";
  }

  async #send(): Promise<void> {
    const { accounts, onDone } = this.#parts;
    const credentials = { email: this.#email.value.trim(), password: this.#password.value };
    const displayName = this.#displayName.value.trim();
    this.#submit.disabled = true;
    setText(this.#problem, "");
    try {
      if (this.#purpose === "signIn") await accounts.signIn(credentials);
      else await accounts.register(displayName === "" ? credentials : { ...credentials, displayName });
      this.#password.value = "";
      this.element.close();
      onDone();
    } catch (thrown) {
      setText(this.#problem, textOf(thrown));
    } finally {
      this.#submit.disabled = false;
    }
  }
}

function textOf(thrown: unknown): string {
  if (!(thrown instanceof ClientError)) return "That did not work. Try again.";
  // The server names fields of its own; whoever fills in the form knows them by what is written beside them.
  if (thrown.code !== "REQUEST_INVALID") return thrown.message;
  return `Check the e-mail address, and that the password has ${PASSWORD_CHARS_MIN} characters or more.`;
}

function input(attributes: { name: string; type: string; autocomplete: string }): HTMLInputElement {
  return element("input", { ...attributes, id: `sign-in-${attributes.name}` });
}

function field(label: string, control: HTMLInputElement, hint = ""): HTMLElement {
  const caption = element("label", { for: control.id }, label, hint === "" ? null : element("small", {}, hint));
  return element("div", { class: "field" }, caption, control);
}
