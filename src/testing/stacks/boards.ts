import { type SchemaType, schema, t } from "@colyseus/schema";

/** What the rooms of both stacks show: the same fields on the unmodified engine and on ours. */
export const Board = schema(
  {
    tick: t.uint32().default(0),
    /** How far the one player of a walking room has come. */
    x: t.int32().default(0),
    small: t.uint16().default(0),
    label: t.string().default(""),
    /** Each step writes `tick` into the cell `tick % CELLS`, so a lost patch leaves a cell that is too old. */
    cells: t.array("uint32"),
  },
  "Board",
);
export type Board = SchemaType<typeof Board>;

/** Large enough that a reader who stops is felt within a second, and a step costs little. */
export const LABEL_CHARS = 128 * 1024;
export const CELLS = 16;

export const Item = schema({ n: t.uint32().default(0), words: t.string().default("") }, "Item");
export type Item = SchemaType<typeof Item>;

/** A state of more than the encoder's first 16 KB, with one field that only a view shows. */
export const Warehouse = schema(
  { tick: t.uint32().default(0).noSync(), items: t.map(Item), secrets: t.map(Item).view() },
  "Warehouse",
);
export type Warehouse = SchemaType<typeof Warehouse>;
export const ITEMS = 1000;

export const Stride = schema({ dx: t.int8().default(0) }, "Stride");
export type Stride = { dx: number };

/** How long a room takes that is slow to begin. */
export const SLOW_START_MS = 1500;
export const PATCH_MS = 50;
export const STEPS_PER_SECOND = 40;

/** A board to stream, with every cell in its place: an array of the engine's knows no gaps. */
export function aStreamedBoard(): Board {
  const board = new Board();
  for (let cell = 0; cell < CELLS; cell++) board.cells.push(0);
  return board;
}

/** One step of every board: it counts, so that a patch is due, and marks a cell. */
export function stepBoard(board: Board, isStreaming: boolean): void {
  board.tick += 1;
  if (!isStreaming) return;
  board.cells[board.tick % CELLS] = board.tick;
  board.label = `${board.tick}:`.padEnd(LABEL_CHARS, String(board.tick % 10));
}

/** What is wrong with a board as a client decoded it, or null. */
export function boardFault({ tick, label, cells }: Board): string | null {
  if (!label.startsWith(`${tick}:`)) return `at tick ${tick} the label begins ${JSON.stringify(label.slice(0, 8))}`;
  for (let cell = 0; cell < CELLS; cell++) {
    const due = tick - ((tick - cell + CELLS * 2 ** 20) % CELLS);
    if (due > 0 && cells[cell] !== due) return `at tick ${tick} cell ${cell} holds ${cells[cell]} instead of ${due}`;
  }
  return null;
}
