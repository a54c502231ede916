import {
  DISPLAY_NAME_CHARS_MAX,
  EMAIL_CHARS_MAX,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
} from "../../../schema/protocol.ts";
import type { AccountsClient } from "../../../src/client/accounts.ts";
import { ClientError } from "../../../src/client/errors.ts";
import { button, element, setText } from "../dom.ts";
import type { MailedLink } from "./mailed-link.ts";

type Purpose = "register" | "signIn" | "forgotten" | MailedLink["purpose"];
type Field = "email" | "password" | "displayName";

interface Form {
  readonly title: string;
  readonly line: string;
  readonly action: string;
  readonly fields: readonly Field[];
  /** Other forms that may be meant, by what a button to them says. */
  readonly others: Readonly<Partial<Record<Purpose, string>>>;
}

const FORMS: Readonly<Record<Purpose, Form>> = {
  register: {
    title: "Save your progress",
    line: "With an e-mail address and a password you can play on from any browser. Level and matches stay.",
    action: "Create account",
    fields: ["email", "password", "displayName"],
    others: { signIn: "I have an account already" },
  },
  signIn: {
    title: "Sign in",
    line: "Play on with the account you have.",
    action: "Sign in",
    fields: ["email", "password"],
    others: { register: "I have no account yet", forgotten: "I forgot my password" },
  },
  forgotten: {
    title: "Choose a new password",
    line: "A link to do so is mailed to you.",
    action: "Send the link",
    fields: ["email"],
    others: { signIn: "Back" },
  },
  "password-reset": {
    title: "Choose a new password",
    line: "You are signed out everywhere then, and sign in with it.",
    action: "Set password",
    fields: ["password"],
    others: { forgotten: "Send another link" },
  },
  registration: {
    title: "Confirm your address",
    line: "Enter the password that you have just chosen.",
    action: "Confirm",
    fields: ["password"],
    others: {},
  },
};

const REGISTRATION_MAILED = "Nearly done: follow the link in the mail that is on its way to you.";
const RESET_MAILED = "If this address has an account, a mail with a link is on its way to it.";
const RESET_DONE = "The new password is set. Sign in with it.";

interface DialogParts {
  readonly accounts: AccountsClient;
  /** Somebody has signed in or registered. */
  readonly onDone: () => void;
}

/** One small form for every way to a lasting account. */
export class SignInDialog {
  readonly element = element("dialog", { class: "sign-in panel" });
  readonly #parts: DialogParts;
  readonly #title = element("h2");
  readonly #line = element("p");
  readonly #problem = element("p", { class: "sign-in-problem", role: "alert" });
  readonly #email = input({ name: "email", type: "email", autocomplete: "username" });
  readonly #password = input({ name: "password", type: "password", autocomplete: "current-password" });
  readonly #displayName = input({ name: "displayName", type: "text", autocomplete: "nickname" });
  readonly #fields: Readonly<Record<Field, HTMLElement>> = {
    email: field("E-mail", this.#email),
    password: field("Password", this.#password),
    displayName: field("Name in the game", this.#displayName, "optional"),
  };
  readonly #submit = element("button", { class: "primary", type: "submit" });
  readonly #others = element("nav", { class: "sign-in-others" });
  #purpose: Purpose = "register";
  #token = "";

  constructor(parts: DialogParts) {
    this.#parts = parts;
    this.#email.maxLength = EMAIL_CHARS_MAX;
    this.#password.minLength = PASSWORD_CHARS_MIN;
    this.#password.maxLength = PASSWORD_CHARS_MAX;
    this.#displayName.maxLength = DISPLAY_NAME_CHARS_MAX;
    const form = element(
      "form",
      {},
      this.#title,
      this.#line,
      ...Object.values(this.#fields),
      this.#problem,
      element(
        "footer",
        {},
        this.#submit,
        button("Cancel", "quiet", () => this.element.close()),
      ),
      this.#others,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.element.append(form);
  }

  open(purpose: Purpose): void {
    this.#show(purpose);
    if (!this.element.open) this.element.showModal();
    this.element.querySelector<HTMLInputElement>(".field:not([hidden]) input")?.focus();
  }

  /** Goes on where a mail has led to. */
  openLink({ purpose, token }: MailedLink): void {
    this.#token = token;
    this.open(purpose);
  }

  #show(purpose: Purpose): void {
    const { title, line, action, fields, others } = FORMS[purpose];
    this.#purpose = purpose;
    setText(this.#title, title);
    setText(this.#line, line);
    setText(this.#submit, action);
    setText(this.#problem, "");
    for (const name of ["email", "password", "displayName"] as const)
      this.#fields[name].hidden = !fields.includes(name);
    this.#email.required = fields.includes("email");
    this.#password.required = fields.includes("password");
    const isNew = purpose === "register" || purpose === "password-reset";
    this.#password.autocomplete = isNew ? "new-password" : "current-password";
    const ways = Object.entries(others) as [Purpose, string][];
    this.#others.replaceChildren(...ways.map(([other, text]) => button(text, "quiet", () => this.open(other))));
  }

  async #send(): Promise<void> {
    this.#submit.disabled = true;
    setText(this.#problem, "");
    try {
      const note = await this.#carryOut();
      this.#password.value = "";
      if (note !== null) return setText(this.#problem, note);
      this.element.close();
      this.#parts.onDone();
    } catch (thrown) {
      setText(this.#problem, textOf(thrown));
    } finally {
      this.#submit.disabled = false;
    }
  }

  /** What is still to be done, or null when somebody is signed in. */
  async #carryOut(): Promise<string | null> {
    const { accounts } = this.#parts;
    const credentials = { email: this.#email.value.trim(), password: this.#password.value };
    const displayName = this.#displayName.value.trim();
    const linked = { token: this.#token, password: credentials.password };
    switch (this.#purpose) {
      case "signIn":
        await accounts.signIn(credentials);
        return null;
      case "registration":
        await accounts.confirmRegistration(linked);
        return null;
      case "register": {
        const account = await accounts.register(displayName === "" ? credentials : { ...credentials, displayName });
        return account.kind === "guest" ? REGISTRATION_MAILED : null;
      }
      case "forgotten":
        await accounts.requestPasswordReset(credentials.email);
        return RESET_MAILED;
      case "password-reset":
        await accounts.resetPassword(linked);
        this.open("signIn");
        return RESET_DONE;
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
