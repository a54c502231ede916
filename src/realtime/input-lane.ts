import { decode, type Iterator } from "@colyseus/schema";
import type { InputQueue } from "./inputs.ts";

type Values = Record<string, unknown>;
type Ranges = Readonly<Record<string, readonly [least: number, most: number] | undefined>>;
type FieldType = string | { readonly quantized: Quantized };
type Metadata = Readonly<Record<number, { readonly name: string; readonly type: FieldType } | undefined>>;

/** How the engine packs a number of a range into a whole one (schema's quantize.ts, which gives the formula below). */
interface Quantized {
  readonly wire: string;
  readonly min: number;
  readonly max: number;
  readonly range: number;
  readonly span: number;
}

type Read = (bytes: Buffer, at: Iterator) => unknown;

interface Field {
  readonly name: string;
  readonly read: Read;
  /** The range that the room allows, as the field itself can hold it. */
  readonly least: number;
  readonly most: number;
}

/** Decodes the inputs of one kind. Their frames have been found sound: see input-scan.ts. */
export interface InputForm {
  /**
   * What is held of a client that has sent nothing yet: each field's default, or its zero; and a place for the tick that
   * an input is played with, because an object that is given another field later costs more.
   */
  blank(): Values;
  /** Reads the fields that changed, from `at` to the end of the frame, into `values`, each brought into its range. */
  read(frame: Buffer, at: Iterator, values: Values): void;
}

const INDEX_MASK = 0x3f;
const STAMPED = 0x80;

export function createInputForm(type: new () => object, ranges: Ranges): InputForm {
  const fields = fieldsOf(type, ranges);
  const blank = blankOf(type);
  return {
    blank: () => ({ ...blank, viewTick: 0 }),
    read(frame, at, values) {
      while (at.offset < frame.length) {
        const field = fields[(frame[at.offset++] ?? 0) & INDEX_MASK] as Field;
        const value = field.read(frame, at);
        if (typeof value !== "number") values[field.name] = value;
        else values[field.name] = value < field.least ? field.least : value > field.most ? field.most : value;
      }
    },
  };
}

/**
 * The inputs of one connection that wait to be played, oldest first. It stands where the engine keeps its own buffer, and
 * tells it how many have been played, which travels back with each patch. The engine would decode each input into an
 * instance of its class, copy that, and keep it in three lists; at 40 inputs a second from every player that was the
 * dearest thing a room did.
 */
export class InputLane<Input extends object = Values> implements InputQueue<Input> {
  readonly #form: InputForm;
  readonly #latest: Values;
  readonly #most: number;
  /** Rings: an array that is pushed to and shifted from grows and shrinks at every input, which costs more than the rest. */
  readonly #waiting: (Input | undefined)[];
  readonly #seenAtMs: number[];
  #first = 0;
  #size = 0;
  /** How many were played or dropped. The engine sends it to the client, which then forgets its copies. */
  ackSeq = 0;
  /** Room time of the last stamped input in ms, to which the next stamp is a difference. */
  stampMs = 0;
  renderTime = 0;

  /** At most `most` inputs wait; the oldest give way. */
  constructor(form: InputForm, most: number) {
    this.#form = form;
    this.#latest = form.blank();
    this.#most = most;
    this.#waiting = new Array(most);
    this.#seenAtMs = new Array(most);
  }

  get size(): number {
    return this.#size;
  }

  /** Takes a frame that has been found sound. */
  receive(frame: Buffer): void {
    const at = { offset: 1 };
    const isStamped = ((frame[0] ?? 0) & STAMPED) !== 0;
    if (isStamped) this.stampMs += decode.number(frame, at);
    this.#form.read(frame, at, this.#latest);
    if (this.#size === this.#most) this.next();
    const place = (this.#first + this.#size) % this.#most;
    this.#waiting[place] = { ...this.#latest } as Input;
    this.#seenAtMs[place] = isStamped ? this.stampMs : 0;
    this.#size += 1;
  }

  next(): Input | undefined {
    if (this.#size === 0) return undefined;
    const place = this.#first;
    const input = this.#waiting[place];
    this.#waiting[place] = undefined;
    this.renderTime = this.#seenAtMs[place] ?? 0;
    this.#first = (place + 1) % this.#most;
    this.#size -= 1;
    this.ackSeq += 1;
    return input;
  }

  /** Called by the engine when the player's connection is gone: what it had sent is not played any more. */
  clear(): void {
    this.ackSeq += this.#size;
    this.#waiting.fill(undefined);
    this.#size = 0;
  }
}

function metadataOf(type: new () => object): Metadata {
  return (type as unknown as Record<symbol, Metadata>)[Symbol.metadata] ?? {};
}

function fieldsOf(type: new () => object, ranges: Ranges): Field[] {
  const metadata = metadataOf(type);
  const fields: Field[] = [];
  for (let index = 0; metadata[index] !== undefined; index++) {
    const { name, type: fieldType } = metadata[index] as { name: string; type: FieldType };
    const range = ranges[name];
    fields.push({
      name,
      read: typeof fieldType === "string" ? readerOf(fieldType) : readQuantized(fieldType.quantized),
      least: range === undefined ? Number.NEGATIVE_INFINITY : held(type, name, range[0]),
      most: range === undefined ? Number.POSITIVE_INFINITY : held(type, name, range[1]),
    });
  }
  return fields;
}

function readerOf(type: string): Read {
  return (decode as unknown as Record<string, Read>)[type] as Read;
}

function readQuantized({ wire, min, range, span }: Quantized): Read {
  const read = readerOf(wire) as (bytes: Buffer, at: Iterator) => number;
  return (bytes, at) => min + (read(bytes, at) / span) * range;
}

/** A bound as the field would hold it: a quantized field knows only its own steps. */
function held(type: new () => object, name: string, bound: number): number {
  const instance = new type() as Record<string, number>;
  instance[name] = bound;
  return instance[name] ?? bound;
}

function blankOf(type: new () => object): Values {
  const metadata = metadataOf(type);
  const instance = new type() as Values;
  const blank: Values = {};
  for (let index = 0; metadata[index] !== undefined; index++) {
    const { name, type: fieldType } = metadata[index] as { name: string; type: FieldType };
    blank[name] = instance[name] ?? zeroOf(fieldType);
  }
  return blank;
}

function zeroOf(type: FieldType): unknown {
  if (type === "string") return "";
  if (type === "boolean") return false;
  if (typeof type === "string") return 0;
  return Math.max(type.quantized.min, Math.min(0, type.quantized.max));
}
