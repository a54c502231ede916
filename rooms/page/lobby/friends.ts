import { ROOM_CODE_CHARS } from "../../../schema/protocol.ts";
import { element } from "../dom.ts";

/** How somebody plays with friends; each rejects with ClientError where that does not work. */
export interface FriendsWays {
  /** Opens a room that nobody else is put into. */
  readonly onInvite: () => Promise<void>;
  /** Goes to the room that has this code. */
  readonly onCode: (code: string) => Promise<void>;
}

/** One field and one button: a code leads to friends, and without one a room is opened for them. */
export function askForFriends({ onInvite, onCode }: FriendsWays) {
  const input = element("input", { id: "friends-code", name: "code", autocomplete: "off", placeholder: "ABC-DEF" });
  // With room for spaces and dashes, which do not matter.
  input.maxLength = ROOM_CODE_CHARS + 4;
  const label = element("label", { for: input.id }, "A friend's code", element("small", {}, "if you have one"));
  return {
    title: "Play with friends",
    children: [
      element("p", {}, "A code leads into a friend's room. Without one you open a room of your own and get its code."),
      element("div", { class: "field" }, label, input),
    ],
    action: "Play",
    onYes: () => carryOut(input.value, { onInvite, onCode }),
  };
}

/** What is typed into the field decides. */
export function carryOut(text: string, { onInvite, onCode }: FriendsWays): Promise<void> {
  const code = text.trim();
  return code === "" ? onInvite() : onCode(code);
}

/** As it is read out: in two halves. */
export function codeText(code: string): string {
  const half = Math.ceil(code.length / 2);
  return `${code.slice(0, half)}-${code.slice(half)}`;
}

/** What a player in a private room tells friends, for as long as the match is on. */
export function codeSign(code: string): HTMLElement {
  return element("p", { class: "code-sign", role: "status" }, "Friends join by ", element("b", {}, codeText(code)));
}
