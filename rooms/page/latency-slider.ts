import type { ArenaWorld } from "../../schema/state/arena.ts";
import { addLatency } from "../../src/client/latency.ts";
import type { Match } from "../../src/client/match.ts";
import { element, setText } from "./dom.ts";

/** Makes this player's network worse by hand, to see and feel what prediction does about it. Development builds only. */
export function latencySlider(match: Match<ArenaWorld>): HTMLElement {
  const latency = addLatency(match);
  const delay = slider("Added round trip", 400);
  const jitter = slider("Added jitter", 150);
  const apply = () => latency.set({ delayMs: delay.input.valueAsNumber / 2, jitterMs: jitter.input.valueAsNumber });
  delay.input.addEventListener("input", apply);
  jitter.input.addEventListener("input", apply);
  return element("fieldset", { class: "latency panel" }, delay.element, jitter.element);
}

function slider(label: string, max: number) {
  const input = element("input", { type: "range" });
  input.max = String(max);
  input.step = "5";
  input.value = "0";
  const value = element("b", {}, "0 ms");
  input.addEventListener("input", () => setText(value, `${input.value} ms`));
  // Its keys are the game's: an arrow moves the player, not the slider.
  input.addEventListener("change", () => input.blur());
  return { input, element: element("label", {}, label, input, value) };
}
