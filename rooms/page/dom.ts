/** Small hands for the HTML over the picture. Text always goes in as text, so no player's name can become markup. */

type Child = Node | string | null;

interface Attributes {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  readonly role?: string;
  readonly type?: string;
  readonly name?: string;
  readonly autocomplete?: string;
  readonly placeholder?: string;
  readonly for?: string;
  readonly scope?: string;
  readonly tabindex?: string;
  readonly datetime?: string;
  readonly [name: `aria-${string}`]: string;
  /** `data-focus` names what keeps the focus when it is drawn anew. */
  readonly [name: `data-${string}`]: string;
}

/** An element with attributes and children: `element("p", { class: "hint" }, "Press Tab")`. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Puts `children` in place of what is there. Whatever had the focus has it again, if it is still there; else `otherwise`. */
export function redraw(target: HTMLElement, children: readonly Node[], otherwise: HTMLElement): void {
  const { activeElement } = document;
  const hadFocus = activeElement instanceof HTMLElement && target.contains(activeElement);
  const name = hadFocus ? activeElement.dataset["focus"] : undefined;
  target.replaceChildren(...children);
  if (!hadFocus) return;
  const again = name === undefined ? null : target.querySelector<HTMLElement>(`[data-focus="${CSS.escape(name)}"]`);
  (again === null || again.matches(":disabled") ? otherwise : again).focus({ preventScroll: true });
}

export function button(label: string, className: string, onPress: () => void): HTMLButtonElement {
  const made = element("button", { class: className, type: "button" }, label);
  made.addEventListener("click", () => {
    if (!isBusy(made)) onPress();
  });
  return made;
}

/** A button whose deed is on its way. It takes no press, but unlike a disabled one it keeps the focus. */
export function setBusy(target: HTMLButtonElement, isOn: boolean): void {
  target.setAttribute("aria-disabled", String(isOn));
}

export function isBusy(target: HTMLButtonElement): boolean {
  return target.getAttribute("aria-disabled") === "true";
}

/** Writes only what changed: the browser lays out again after every write, changed or not. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function setClass(target: HTMLElement, name: string, on: boolean): void {
  if (target.classList.contains(name) !== on) target.classList.toggle(name, on);
}

/** Sets a custom property, which a stylesheet turns into the picture: `--share: 0.4`. */
export function setVariable(target: HTMLElement, name: string, value: string): void {
  if (target.style.getPropertyValue(name) !== value) target.style.setProperty(name, value);
}

/** Starts a CSS animation over, even if it is still running. */
export function restart(target: HTMLElement, className: string): void {
  target.classList.remove(className);
  void target.offsetWidth;
  target.classList.add(className);
}
