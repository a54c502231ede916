interface Item {
  readonly score: number;
  readonly id: string;
}

/** More in a row would make an insertion slow, fewer would make many rows. */
const BLOCK_MAX = 256;

/** Ids by their scores, in order, as a sorted set of Redis: what it costs hardly grows with how many there are. */
export class SortedIndex {
  /** Rows of items, none of them empty, that follow each other in order. */
  #blocks: Item[][] = [];
  readonly #scores = new Map<string, number>();

  get size(): number {
    return this.#scores.size;
  }

  set(id: string, score: number): void {
    if (this.#scores.get(id) === score) return;
    this.delete(id);
    this.#scores.set(id, score);
    const item = { score, id };
    const at = this.#blockOf(item);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([item]);
      return;
    }
    block.splice(placeIn(block, item), 0, item);
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX / 2));
  }

  delete(id: string): void {
    const score = this.#scores.get(id);
    if (score === undefined) return;
    this.#scores.delete(id);
    const item = { score, id };
    const at = this.#blockOf(item);
    const block = this.#blocks[at] ?? [];
    block.splice(placeIn(block, item), 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  first(): string | undefined {
    return this.#blocks[0]?.[0]?.id;
  }

  last(): string | undefined {
    return this.#blocks.at(-1)?.at(-1)?.id;
  }

  /** Those from `least` to `most`, the lowest first, at most `count`. */
  between(least: number, most: number, count: number): string[] {
    const found: string[] = [];
    const from = { score: least, id: "" };
    for (let at = this.#blockOf(from); at < this.#blocks.length; at++) {
      const block = this.#blocks[at] ?? [];
      for (let place = placeIn(block, from); place < block.length; place++) {
        const item = block[place];
        if (item === undefined || item.score > most || found.length >= count) return found;
        found.push(item.id);
      }
    }
    return found;
  }

  /** The first row that does not end before the item; the last one where all do. */
  #blockOf(item: Item): number {
    let [low, high] = [0, Math.max(0, this.#blocks.length - 1)];
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#blocks[middle]?.at(-1);
      if (last !== undefined && isBefore(last, item)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(one: Item, other: Item): boolean {
  return one.score < other.score || (one.score === other.score && one.id < other.id);
}

/** Where the first item stands that is not before this one. */
function placeIn(block: readonly Item[], item: Item): number {
  let [low, high] = [0, block.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = block[middle];
    if (found !== undefined && isBefore(found, item)) low = middle + 1;
    else high = middle;
  }
  return low;
}
