import type { LeaderboardEntry, LeaderboardPeriod } from "../../../src/client/leaderboards.ts";
import { button, element, redraw, setBusy } from "../dom.ts";
import type { Section, SectionParts } from "../sheet/section.ts";
import { choice, part, Sheet } from "../sheet/sheet.ts";
import { numberText, sinceText, textOf } from "../words.ts";

const PAGE = 20;
const PERIODS: Readonly<Record<LeaderboardPeriod, string>> = { daily: "Today", weekly: "This week", all: "All time" };

/** Who stands where, from the top and around the player. */
export class LeaderboardsView implements Section {
  readonly element: HTMLElement;
  readonly #parts: SectionParts;
  readonly #sheet = new Sheet({ name: "leaderboards", title: "Leaderboard" });
  #board = "";
  #period: LeaderboardPeriod = "all";

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
      const boards = (await property.catalogue()).leaderboards;
      const board = boards[this.#board] === undefined ? (Object.keys(boards)[0] ?? "") : this.#board;
      const periods: readonly LeaderboardPeriod[] = boards[board]?.periods ?? [];
      if (periods.length === 0) return [element("p", { class: "sheet-wait" }, "This game keeps no lists.")];
      const period = periods.includes(this.#period) ? this.#period : (periods.at(-1) ?? "all");
      const { leaderboards } = property.client;
      const [top, around] = await Promise.all([
        leaderboards.top(board, { period, limit: PAGE }),
        leaderboards.around(board, { period }),
      ]);
      const isListed = top.entries.some(({ isYou }) => isYou);
      return [
        this.#choices(boards, board, { periods, period }),
        part("The best", this.#list(top, { board, period })),
        ...(isListed || around.length === 0 ? [] : [part("Around you", table(around))]),
      ];
    });
  }

  #choices(
    boards: Readonly<Record<string, { readonly title: string }>>,
    board: string,
    { periods, period }: { periods: readonly LeaderboardPeriod[]; period: LeaderboardPeriod },
  ): HTMLElement {
    const lists = Object.entries(boards).map(([value, { title }]) => ({ value, title }));
    const times = periods.map((value) => ({ value, title: PERIODS[value] }));
    return element(
      "div",
      { class: "board-choices" },
      choice("List", lists, {
        value: board,
        onChoose: (value) => {
          this.#board = value;
          void this.load();
        },
      }),
      choice("Time", times, {
        value: period,
        onChoose: (value) => {
          this.#period = value;
          void this.load();
        },
      }),
    );
  }

  #list(
    first: { readonly entries: readonly LeaderboardEntry[]; readonly next: string | null },
    { board, period }: { board: string; period: LeaderboardPeriod },
  ): HTMLElement {
    const place = element("div", { class: "board", tabindex: "-1" });
    const problem = element("p", { class: "part-problem", role: "alert" });
    const entries = [...first.entries];
    const draw = (next: string | null) => {
      const more = button("Show more", "secondary more", () => void go(more, next ?? ""));
      more.dataset["focus"] = "more places";
      redraw(place, [table(entries), problem, ...(next === null ? [] : [more])], place);
    };
    const go = async (more: HTMLButtonElement, from: string) => {
      setBusy(more, true);
      problem.textContent = "";
      try {
        const page = await this.#parts.property.client.leaderboards.top(board, { period, from, limit: PAGE });
        entries.push(...page.entries);
        draw(page.next);
      } catch (thrown) {
        problem.textContent = textOf(thrown);
        setBusy(more, false);
      }
    };
    if (entries.length === 0)
      return element("p", { class: "sheet-wait" }, "Nobody yet. One good match, and it is you.");
    draw(first.next);
    return place;
  }
}

function table(entries: readonly LeaderboardEntry[]): HTMLElement {
  const head = ["Rank", "Player", "Score", "Reached"].map((title) => element("th", { scope: "col" }, title));
  return element(
    "table",
    { class: "list" },
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...entries.map(line)),
  );
}

function line({ rank, displayName, score, reachedAt, isYou }: LeaderboardEntry): HTMLElement {
  const name = element(
    "td",
    { class: "list-name" },
    displayName ?? "Somebody",
    isYou ? element("small", {}, "you") : null,
  );
  return element(
    "tr",
    { class: [isYou ? "is-own" : "", rank <= 3 ? `is-top is-top-${rank}` : ""].join(" ").trim() },
    element("td", { class: "list-rank" }, String(rank)),
    name,
    element("td", { class: "list-number" }, numberText(score)),
    element("td", { class: "list-number" }, element("time", { datetime: reachedAt }, sinceText(reachedAt))),
  );
}
