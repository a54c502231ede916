import { $childType, ArraySchema, CollectionSchema, MapSchema, Schema, SetSchema, TypeContext } from "@colyseus/schema";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { type FieldRange, type QuantizedRange, quantizedRange, rangeOf, wholeBounds } from "./field-range.ts";

/** A write to the state that its field cannot carry: every client would read something else. */
export class StateWriteError extends Error {
  override readonly name = "StateWriteError";
  /** `Class.field`. */
  readonly field: string;
  constructor(field: string, value: unknown, words: string) {
    super(`${field} cannot carry ${String(value)}: it takes ${words}`);
    this.field = field;
  }
}

/** Told of each such write. If it returns, the nearest value that the field can carry is written instead. */
export type OnWriteFault = (fault: StateWriteError) => void;

type AnyRange = FieldRange<unknown>;
type Child = string | SchemaClass;
type FieldType = Child | { quantized: QuantizedRange } | Readonly<Record<string, Child>>;
interface SchemaClass {
  readonly name: string;
  readonly prototype: object;
}
interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly deprecated?: boolean;
}
interface Collection {
  forEach(visit: (item: object) => void): void;
}
type Setter = (this: object, value: unknown) => void;

/** The engine's classes are the process's, and so is what to do about a fault: the app made last decides. */
let onFault: OnWriteFault = (fault) => {
  throw fault;
};
const strictStates = new WeakSet<SchemaClass>();
const strictSetters = new WeakSet<Setter>();
const itemRanges = new Map<string, AnyRange | undefined>();
let areCollectionsStrict = false;

interface WritePolicyParts {
  readonly isProduction: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** How often the log hears of the same field. */
const LOG_EVERY_MS = 60_000;

/** Development and tests fail where the mistake is; production goes on with the nearest value, counts and logs it. */
export function createWritePolicy({ isProduction, clock, log, metrics }: WritePolicyParts): OnWriteFault {
  const loggedMs = new Map<string, number>();
  return (fault) => {
    if (!isProduction) throw fault;
    const { field } = fault;
    metrics.writesClamped.inc({ field });
    const nowMs = clock.monotonicMs();
    if (nowMs - (loggedMs.get(field) ?? -Infinity) < LOG_EVERY_MS) return;
    loggedMs.set(field, nowMs);
    log.error({ field, err: fault }, "state.write_clamped");
  };
}

/**
 * From now on no field of this state, or of anything in it, takes a value that would reach a client as another one: whole
 * numbers out of range or with a fraction, NaN and infinity, halves of surrogate pairs. A float32 holds what its clients
 * will read. Fields that are not synced take anything.
 */
export function makeWritesStrict(state: object, report: OnWriteFault): void {
  onFault = report;
  makeCollectionsStrict();
  const schema = state.constructor as unknown as SchemaClass;
  makeClassStrict(schema, new Set());
  // Only the first state of its class was written before its setters were replaced.
  if (!strictStates.has(schema)) rewrite(state, new Set());
  strictStates.add(schema);
}

/** Replaces the setters of the class, of its subclasses and of what its fields hold, each once. */
function makeClassStrict(schema: SchemaClass, seen: Set<SchemaClass>): void {
  if (seen.has(schema)) return;
  seen.add(schema);
  for (const { name, type } of fieldsOf(schema)) {
    const range = scalarRange(type);
    if (range !== undefined)
      replaceSetter(schema, name, range, typeof type === "string" ? wholeBounds[type] : undefined);
    for (const child of childrenOf(type)) makeClassStrict(child, seen);
  }
  const subclasses = TypeContext.inheritedTypes.get(schema as never) as Iterable<unknown> | undefined;
  for (const subclass of subclasses ?? []) makeClassStrict(subclass as SchemaClass, seen);
}

function fieldsOf(schema: SchemaClass): Field[] {
  const metadata = (schema as unknown as Record<symbol, Readonly<Record<number, Field>>>)[Symbol.metadata] ?? {};
  const fields: Field[] = [];
  for (let field = metadata[0]; field !== undefined; field = metadata[fields.length]) fields.push(field);
  return fields;
}

function scalarRange(type: FieldType): AnyRange | undefined {
  if (typeof type === "string") return rangeOf(type);
  return "quantized" in type ? quantizedRange(type.quantized as QuantizedRange) : undefined;
}

/** The classes that a field holds, itself or in a collection. */
function childrenOf(type: FieldType): SchemaClass[] {
  if (typeof type === "string") return [];
  const held = typeof type === "function" ? [type] : Object.values(type);
  return held.filter((child) => Schema.is(child as never)) as SchemaClass[];
}

function replaceSetter(schema: SchemaClass, name: string, range: AnyRange, bounds?: readonly [number, number]): void {
  let owner = schema.prototype;
  while (!Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  const set = descriptor?.set as Setter | undefined;
  if (set === undefined || strictSetters.has(set)) return;
  const strict = bounds === undefined ? strictSetter(name, set, range) : strictWholeSetter(name, set, range, bounds);
  strictSetters.add(strict);
  Object.defineProperty(owner, name, { ...descriptor, set: strict });
}

/** The hottest kind of write has a setter of its own, which costs two comparisons. */
function strictWholeSetter(name: string, set: Setter, range: AnyRange, bounds: readonly [number, number]): Setter {
  const [least, most] = bounds;
  return function (value) {
    const isCarried = typeof value !== "number" || (value >= least && value <= most && value % 1 === 0);
    set.call(this, isCarried ? value : mend(`${this.constructor.name}.${name}`, value, range));
  };
}

function strictSetter(name: string, set: Setter, range: AnyRange): Setter {
  return function (value) {
    // Nothing at all empties the field, and what is of another type the engine refuses by itself.
    if (value === undefined || value === null || typeof value !== range.kind) return set.call(this, value);
    const carried = range.carry(value);
    set.call(this, carried === undefined ? mend(`${this.constructor.name}.${name}`, value, range) : carried);
  };
}

/** Tells of the write, and gives what is written in its place. */
function mend(field: string, value: unknown, range: AnyRange): unknown {
  onFault(new StateWriteError(field, value, range.words));
  return range.nearest(value);
}

/**
 * Collections of plain values are checked in the engine's own methods, whose class knows no type: the instance does. An
 * indexed write to a list stores what it was given whatever its setter says, so there an exception is the only way.
 */
function makeCollectionsStrict(): void {
  if (areCollectionsStrict) return;
  areCollectionsStrict = true;
  checkArguments(MapSchema.prototype, "set", 1, 2);
  checkArguments(SetSchema.prototype, "add", 0, 1);
  checkArguments(CollectionSchema.prototype, "add", 0, 1);
  checkArguments(ArraySchema.prototype, "push", 0, Infinity);
  checkArguments(ArraySchema.prototype, "unshift", 0, Infinity);
  checkArguments(ArraySchema.prototype, "splice", 2, Infinity);
  const list = ArraySchema.prototype as unknown as { $changeAt: (index: number, value: unknown) => unknown };
  const changeAt = list.$changeAt;
  list.$changeAt = function (index, value) {
    const range = itemRange(this, value);
    if (range !== undefined && range.carry(value) === undefined) throw itemFault(this, value, range);
    return changeAt.call(this, index, value);
  };
}

/** Has the arguments from `first` up to `end` checked as items of the collection whose method it is. */
function checkArguments(prototype: object, name: string, first: number, end: number): void {
  const methods = prototype as Record<string, (...given: unknown[]) => unknown>;
  const method = methods[name] as (...given: unknown[]) => unknown;
  methods[name] = function (this: object, ...given) {
    for (let index = first; index < Math.min(end, given.length); index++) {
      const value = given[index];
      const range = itemRange(this, value);
      if (range === undefined) continue;
      const carried = range.carry(value);
      if (carried === undefined) onFault(itemFault(this, value, range));
      given[index] = carried ?? range.nearest(value);
    }
    return method.apply(this, given);
  };
}

/** What an item of this collection may be, when it is a plain value of the collection's type. */
function itemRange(collection: object, value: unknown): AnyRange | undefined {
  if (typeof value === "object") return undefined;
  const type = (collection as Record<symbol, unknown>)[$childType];
  if (typeof type !== "string") return undefined;
  if (!itemRanges.has(type)) itemRanges.set(type, rangeOf(type));
  const range = itemRanges.get(type);
  return range?.kind === typeof value ? range : undefined;
}

function itemFault(collection: object, value: unknown, { words }: AnyRange): StateWriteError {
  const type = String((collection as Record<symbol, unknown>)[$childType]);
  return new StateWriteError(`${collection.constructor.name} of ${type}`, value, words);
}

/** Every value that exists already is written once more, now under the rules. */
function rewrite(node: object, seen: Set<object>): void {
  if (seen.has(node)) return;
  seen.add(node);
  for (const { name, type, deprecated } of fieldsOf(node.constructor as unknown as SchemaClass)) {
    const fields = node as Record<string, unknown>;
    if (deprecated) continue;
    const value = fields[name];
    if (typeof value !== "object" || value === null) fields[name] = value;
    else if (value instanceof Schema) rewrite(value, seen);
    else if (childrenOf(type).length > 0) {
      (value as Collection).forEach((item) => {
        rewrite(item, seen);
      });
    }
  }
}
