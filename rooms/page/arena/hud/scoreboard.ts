import { button, element, setClass, setText } from "../../dom.ts";
import { type Feed, listPlayers, type SeenPlayer } from "../feed.ts";
import { colourOf, cssColour } from "../picture/palette.ts";

interface Row {
  readonly element: HTMLTableRowElement;
  readonly place: HTMLElement;
  readonly name: HTMLElement;
  readonly kills: HTMLElement;
  readonly deaths: HTMLElement;
  readonly streak: HTMLElement;
  slot: number;
}

/** Everybody's score, while Tab is held or the button was pressed. */
export class Scoreboard {
  readonly element: HTMLElement;
  /** For those without a Tab key. */
  readonly button = button("Scores", "hud-button scores-button", () => this.#toggle());
  readonly #body = element("tbody");
  readonly #title = element("h2");
  readonly #rows: Row[] = [];
  readonly #seated: SeenPlayer[] = [];
  readonly #listening = new AbortController();
  #isOpen = false;

  constructor() {
    const head = element(
      "tr",
      {},
      ...["", "Player", "Kills", "Deaths", "Streak"].map((title) => element("th", {}, title)),
    );
    const table = element("table", {}, element("thead", {}, head), this.#body);
    this.element = element("section", { class: "scoreboard panel", "aria-label": "Scoreboard" }, this.#title, table);
    const { signal } = this.#listening;
    window.addEventListener("keydown", (event) => this.#onKey(event, true), { signal });
    window.addEventListener("keyup", (event) => this.#onKey(event, false), { signal });
    window.addEventListener("blur", () => this.#show(false), { signal });
  }

  update(feed: Feed): void {
    if (!this.#isOpen) return;
    const { world } = feed;
    const players = listPlayers(world, this.#seated);
    players.sort((a, b) => b.kills - a.kills || a.deaths - b.deaths || a.slot - b.slot);
    setText(
      this.#title,
      `${world.mode === "duel" ? "Duel" : "Free for all"} · match ${Math.max(1, world.matchNumber)}`,
    );
    for (const [index, player] of players.entries()) {
      this.#fill(this.#rows[index] ?? this.#addRow(), player, index + 1, feed.slot);
    }
    for (const row of this.#rows.splice(players.length)) row.element.remove();
  }

  close(): void {
    this.#listening.abort();
  }

  #addRow(): Row {
    const cell = () => element("td");
    const [place, name, kills, deaths, streak] = [cell(), cell(), cell(), cell(), cell()];
    const row = {
      element: element("tr", {}, place, name, kills, deaths, streak),
      place,
      name,
      kills,
      deaths,
      streak,
      slot: -1,
    };
    this.#body.append(row.element);
    this.#rows.push(row);
    return row;
  }

  #fill(row: Row, player: SeenPlayer, place: number, ownSlot: number): void {
    setText(row.place, String(place));
    setText(row.name, player.connected ? player.name : `${player.name} (away)`);
    setText(row.kills, String(player.kills));
    setText(row.deaths, String(player.deaths));
    setText(row.streak, player.streak > 1 ? `×${player.streak}` : "");
    setClass(row.element, "is-own", player.slot === ownSlot);
    setClass(row.element, "is-bot", player.bot);
    setClass(row.element, "is-down", !player.alive);
    if (row.slot === player.slot) return;
    row.slot = player.slot;
    row.element.style.setProperty("--colour", cssColour(colourOf(player.slot, ownSlot)));
  }

  #onKey(event: KeyboardEvent, isDown: boolean): void {
    if (event.code !== "Tab") return;
    event.preventDefault();
    this.#show(isDown);
  }

  #toggle(): void {
    this.#show(!this.#isOpen);
  }

  #show(isOpen: boolean): void {
    this.#isOpen = isOpen;
    setClass(this.element, "is-open", isOpen);
  }
}
