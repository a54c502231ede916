import type { Property } from "../property/property.ts";
import type { AskDialog } from "./ask-dialog.ts";

/** One of the parts between which the lobby's bar leads. */
export interface Section {
  readonly element: HTMLElement;
  /** Reads and draws it anew: when it is opened, and after anything has changed. */
  load(): Promise<void>;
  focus(): void;
}

export interface SectionParts {
  readonly property: Property;
  readonly ask: AskDialog["ask"];
  /** Something was bought, made or put on: says so, and brings everything that is shown up to date. */
  readonly onChange: (note: string) => void;
}
