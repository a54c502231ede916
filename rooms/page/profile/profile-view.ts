import type { MatchId } from "../../../schema/ids.ts";
import type { PlayedMatch, Progress } from "../../../src/client/progression.ts";
import { button, element, redraw, setBusy, setVariable } from "../dom.ts";
import type { Catalogue } from "../property/property.ts";
import type { Section, SectionParts } from "../sheet/section.ts";
import { part, Sheet } from "../sheet/sheet.ts";
import { numberText, sinceText, textOf } from "../words.ts";

const PAGE = 10;

/** Who plays, and what came of it: level, figures, and every match. */
export class ProfileView implements Section {
  readonly element: HTMLElement;
  readonly #parts: SectionParts;
  readonly #sheet = new Sheet({ name: "profile", title: "Profile" });
  #matches: PlayedMatch[] = [];

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
      const { accounts, progression } = property.client;
      const [account, progress, matches, catalogue] = await Promise.all([
        accounts.ensureGuest(),
        progression.me(),
        progression.matches({ limit: PAGE }),
        property.catalogue(),
      ]);
      this.#matches = [...matches];
      return [
        levelOf(account.displayName, progress),
        part("Figures", figures(progress, catalogue)),
        part("Matches", this.#history(matches.length === PAGE)),
      ];
    });
  }

  #history(mayHaveMore: boolean): HTMLElement {
    const place = element("div", { class: "history" });
    const problem = element("p", { class: "part-problem", role: "alert" });
    const draw = (hasMore: boolean) => {
      const more = button("Show more", "secondary more", () => void next(more));
      more.dataset["focus"] = "more matches";
      const list = this.#matches.length === 0 ? nothing() : table(this.#matches);
      redraw(place, [list, problem, ...(hasMore ? [more] : [])], place);
    };
    const next = async (more: HTMLButtonElement) => {
      setBusy(more, true);
      problem.textContent = "";
      try {
        const before = this.#matches.at(-1)?.matchId as MatchId;
        const page = await this.#parts.property.client.progression.matches({ before, limit: PAGE });
        this.#matches.push(...page);
        draw(page.length === PAGE);
      } catch (thrown) {
        problem.textContent = textOf(thrown);
        setBusy(more, false);
      }
    };
    place.tabIndex = -1;
    draw(mayHaveMore);
    return place;
  }
}

function nothing(): HTMLElement {
  return element("p", { class: "sheet-wait" }, "Every match you play will be listed here, with what it brought.");
}

function levelOf(name: string, { level, xp, xpIntoLevel, xpForNextLevel }: Progress): HTMLElement {
  const share = xpForNextLevel === null ? 1 : xpIntoLevel / xpForNextLevel;
  const ring = element("b", { class: "level-ring", "aria-hidden": "true" }, String(level));
  const bar = element("div", {
    class: "level-bar",
    role: "progressbar",
    "aria-label": "Way to the next level",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
    "aria-valuenow": String(Math.round(share * 100)),
  });
  setVariable(ring, "--share", share.toFixed(3));
  setVariable(bar, "--share", share.toFixed(3));
  const way =
    xpForNextLevel === null
      ? "The highest level there is"
      : `${numberText(xpIntoLevel)} of ${numberText(xpForNextLevel)} XP to level ${level + 1}`;
  return element(
    "div",
    { class: "level" },
    ring,
    element(
      "div",
      {},
      element("p", { class: "level-name" }, name),
      element("p", { class: "level-line" }, element("b", {}, `Level ${level}`), ` · ${numberText(xp)} XP in all`),
      bar,
      element("p", { class: "level-way" }, way),
    ),
  );
}

function figures({ matches, wins, stats }: Progress, catalogue: Catalogue): HTMLElement {
  const rate = matches === 0 ? "–" : `${Math.round((wins / matches) * 100)} %`;
  const lines: readonly (readonly [string, string])[] = [
    ["Matches", numberText(matches)],
    ["Won", numberText(wins)],
    ["Win rate", rate],
    ...Object.entries(catalogue.stats).map(([key, { title }]) => [title, numberText(stats[key] ?? 0)] as const),
  ];
  const tiles = lines.map(([title, value]) => element("div", {}, element("dt", {}, title), element("dd", {}, value)));
  return element("dl", { class: "figures" }, ...tiles);
}

function table(matches: readonly PlayedMatch[]): HTMLElement {
  const titles = ["Place", "Mode", "Kills / deaths", "Length", "XP", "When"];
  const head = titles.map((title) => element("th", { scope: "col" }, title));
  return element(
    "table",
    { class: "list" },
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...matches.map(line)),
  );
}

function line({ placement, mode, kills, deaths, startedAt, endedAt, xpGained }: PlayedMatch): HTMLElement {
  const seconds = Math.max(0, Math.round((Date.parse(endedAt) - Date.parse(startedAt)) / 1000));
  const cell = (text: string, name: string) => element("td", { class: name }, text);
  return element(
    "tr",
    { class: placement === 1 ? "is-won" : "" },
    cell(`#${placement}`, "list-rank"),
    cell(mode === "duel" ? "Duel" : "Free for all", "list-name"),
    cell(`${kills} / ${deaths}`, "list-number"),
    cell(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`, "list-number list-wide"),
    cell(`+${numberText(xpGained)}`, "list-number"),
    element("td", { class: "list-number" }, element("time", { datetime: endedAt }, sinceText(endedAt))),
  );
}
