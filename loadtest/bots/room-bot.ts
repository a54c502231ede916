import type { SeededRandom } from "../random.ts";
import type { Persona } from "./bot.ts";

/** How a bot feels about playing. A shopper plays casually between its errands. */
export type Mood = "idle" | "casual" | "frantic";

const moods: Readonly<Record<Persona, Mood>> = {
  idle: "idle",
  casual: "casual",
  frantic: "frantic",
  shopper: "casual",
  griefer: "frantic",
};

export function moodOf(persona: Persona): Mood {
  return moods[persona];
}

/** What a bot sees: no more than a player does. */
export interface BotView<State, Self> {
  /** As the server sent it. */
  readonly state: State;
  readonly slot: number;
  /** The bot's own entity in the state, as old as the network makes it. */
  readonly self: Self;
  /** The same entity's predicted fields, as a player has them on its screen. */
  readonly body: Self;
  /** Never `idle`: an idle bot decides nothing. */
  readonly mood: Exclude<Mood, "idle">;
}

/** Something in a decoded state that must never be. */
export interface Flaw {
  /** Of FAULTS.md: I5 for seats, I7 for what the state says. */
  readonly invariant: string;
  /** A sentence with the field, its value and what is allowed, without anything that differs from bot to bot. */
  readonly details: string;
}

/**
 * How bots play one kind of room: one object in `loadtest/bots/<room>.ts`, and one line in `rooms.ts`. Everything in it is
 * pure: what a bot remembers is in `memory`, chance comes from `random`, and there is no clock but the state's tick.
 */
export interface RoomBot<State = never, Self = never, Input extends object = never, Memory = never, Glance = never> {
  /** Steps of the room a second: a player sends one input for each. */
  readonly tickHz: number;
  /** The class of the room's input in `schema/state`. */
  readonly input: new () => object;
  /** What the client of a player sends whose hands lie still. */
  readonly still: Readonly<Input>;
  /** The bot's own entity in the state. */
  self(state: State, slot: number): Self | undefined;
  /** What the room's step does to a player by one input: the room's own function. See `predictSelf` in src/client. */
  readonly prediction: {
    readonly fields: readonly string[];
    readonly drawn: readonly string[];
    step(body: Self, input: Input): void;
    readonly snapUnits: number;
    /** The furthest that one input moves a body. What is further cannot be an input that was lost or came late. */
    readonly unitsPerInputMax: number;
    /** Changes whenever the server itself puts the player somewhere: its life, its being frozen, the match. */
    lifeOf(state: State, self: Self): string;
  };
  remember(random: SeededRandom): Memory;
  decide(view: BotView<State, Self>, memory: Memory, random: SeededRandom): Input;
  /** One round of inputs, some seconds long, of a light bot: it sees nothing and plays them over and over. */
  rehearse(mood: Exclude<Mood, "idle">, random: SeededRandom): readonly Readonly<Input>[];
  /** What the next state is compared with: `flawsOf` gets it as `before`. */
  glance(state: State): Glance;
  /** What is wrong in this state. `before` is absent at first, and after a reconnect: then nothing can be said about order. */
  flawsOf(state: State, slot: number, before: Glance | undefined): readonly Flaw[];
}
