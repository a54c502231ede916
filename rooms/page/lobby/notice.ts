import { element, restart } from "../dom.ts";

/** One sentence about what has just been done. It goes by itself, and is read out. */
export class Notice {
  readonly element = element("p", { class: "notice", role: "status" });

  say(text: string): void {
    this.element.textContent = text;
    restart(this.element, "is-shown");
  }
}
