/** One player's inputs that wait, oldest first. */
export interface InputQueue<Input> {
  readonly size: number;
  /** Room time in ms that the player saw the others at when sending the input taken last; 0 when unknown. */
  readonly renderTime: number;
  next(): Input | undefined;
}

/** How a room takes input: the Schema class, what an idle player sends, and the range of each numeric field. */
export interface InputSpec<Input> {
  readonly type: new () => object;
  readonly idle: Readonly<Input>;
  readonly ranges: Readonly<Partial<Record<keyof Input & string, readonly [least: number, most: number]>>>;
}

/** An input as the step sees it: the fields of the room's input schema, and the tick at which its sender saw the others. */
export type InputFrame<Input> = Readonly<Input> & { readonly viewTick: number };

export interface Inputs<Input> {
  /** The inputs of the player in `slot` to apply in this step, oldest first: none, one, or a few after a stall. */
  of(slot: number): readonly InputFrame<Input>[];
}

/** A player may save up this many steps of play while its inputs are late, and no more. */
export const INPUT_CREDIT_MAX = 12;
/** How far back in time a player may claim to have seen the others, and who hears of claims beyond that. */
export interface ViewWindow {
  readonly ticks: number;
  /** Told of a claim that is further out than a link's delay explains. The input is played all the same. */
  readonly onOutside: () => void;
}

/** This many inputs may wait for the next steps; a network's jitter needs that much. More would be a delay that stays. */
export const INPUT_BACKLOG_MAX = 4;

/**
 * One player's allowance: each step of the room earns one input, saved up to INPUT_CREDIT_MAX. So inputs that a network
 * bunches together are all played, each exactly once as the player predicted it, while a flood plays no faster than
 * anyone else. A player whose inputs stay away plays the idle input once the savings are full; what then arrives too late
 * to be played is dropped, oldest first, so that a stall leaves no delay behind.
 */
export class InputAllowance<Input extends object> {
  #credit = 0;
  readonly #idle: Readonly<Input>;
  readonly #frames: InputFrame<Input>[] = [];
  readonly #view: ViewWindow;

  constructor(idle: Readonly<Input>, view: ViewWindow) {
    this.#idle = idle;
    this.#view = view;
  }

  /** Takes this step's inputs from the queue; the list is good until the next step. `toTick` turns room time into a tick. */
  take(
    queue: InputQueue<Input>,
    tickNow: number,
    toTick: (roomTimeMs: number) => number,
  ): readonly InputFrame<Input>[] {
    this.#credit = Math.min(this.#credit + 1, INPUT_CREDIT_MAX);
    const frames = this.#frames;
    // One by one, because setting the length costs far more.
    while (frames.length > 0) frames.pop();
    while (this.#credit > 0) {
      const input = queue.next();
      if (input === undefined) break;
      this.#credit -= 1;
      const viewTick = queue.renderTime > 0 ? this.#seen(toTick(queue.renderTime), tickNow) : tickNow;
      frames.push(withTick(input, viewTick));
    }
    while (queue.size > INPUT_BACKLOG_MAX) queue.next();
    if (frames.length === 0 && this.#credit === INPUT_CREDIT_MAX) {
      this.#credit -= 1;
      frames.push({ ...this.#idle, viewTick: tickNow });
    }
    return frames;
  }

  /** A claim brought into the window: nobody has seen the future, nor shoots at what was there long ago. */
  #seen(claimedTick: number, tickNow: number): number {
    const { ticks, onOutside } = this.#view;
    if (claimedTick > tickNow + ticks || claimedTick < tickNow - 2 * ticks) onOutside();
    return Math.max(tickNow - ticks, Math.min(claimedTick, tickNow));
  }
}

/** The input is this player's alone, so it is not copied. */
function withTick<Input extends object>(input: Input & { viewTick?: number }, viewTick: number): InputFrame<Input> {
  input.viewTick = viewTick;
  return input as InputFrame<Input>;
}
