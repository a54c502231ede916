import { $numFields, type ChangeTree, type Encoder, encode, OPERATION, type StateView } from "@colyseus/schema";

/** Announces that the bytes which follow speak of another instance. */
const SWITCH_TO_INSTANCE = 255;
/** The marker, and the longest number that the format has. */
const SWITCH_BYTES_MAX = 1 + 9;
const FIELDS_MAX = 64;

/**
 * Clears every field that a whole state does not mention, to be appended to one. The engine writes a state for those who
 * know nothing yet: a client that knew an older one would keep what has been cleared since, or is not for its view any
 * more. Of collections it drops by itself what it does not find.
 */
export function encodeClearedFields(encoder: Encoder, view: StateView | undefined): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const [refId, tree] of Object.entries(encoder.root.changeTrees)) {
    const indexes = isKnown(tree, view) ? clearedFields(tree, view) : [];
    if (indexes.length === 0) continue;
    const bytes = new Uint8Array(SWITCH_BYTES_MAX + FIELDS_MAX);
    const at = { offset: 0 };
    bytes[at.offset++] = SWITCH_TO_INSTANCE;
    encode.number(bytes as Buffer, Number(refId), at);
    for (const index of indexes) bytes[at.offset++] = OPERATION.DELETE | index;
    chunks.push(bytes.subarray(0, at.offset));
  }
  return Buffer.concat(chunks);
}

/** Whether the whole state has just told the client of this instance; of others it must not hear. */
function isKnown(tree: ChangeTree, view: StateView | undefined): boolean {
  if (!tree.encDescriptor.isSchema || tree.isPatchOnly) return false;
  return !tree.isFiltered || view?.isChangeTreeVisible(tree) === true;
}

interface FieldMetadata {
  readonly name: string;
  readonly tag?: number;
  readonly patchOnly?: boolean;
  readonly deprecated?: boolean;
}

function clearedFields(tree: ChangeTree, view: StateView | undefined): number[] {
  const metadata = tree.encDescriptor.metadata as Readonly<Record<number, FieldMetadata | undefined>>;
  const last = (tree.encDescriptor.metadata[$numFields] ?? -1) as number;
  const indexes: number[] = [];
  for (let index = 0; index <= last; index++) {
    const field = metadata[index];
    // These are never part of a whole state.
    if (field === undefined || field.patchOnly || field.deprecated) continue;
    const isTagged = field.tag !== undefined;
    // Without a view, tagged fields have never been sent.
    if (isTagged && view === undefined) continue;
    const value = (tree.ref as unknown as Record<string, unknown>)[field.name];
    const isThere = value !== undefined && value !== null;
    if (!isThere || (isTagged && !isShown(tree, index, view))) indexes.push(index);
  }
  return indexes;
}

function isShown(tree: ChangeTree, index: number, view: StateView | undefined): boolean {
  if (view?.isChangeTreeVisible(tree) !== true) return false;
  return tree.encDescriptor.filter?.(tree.ref, index, view) ?? true;
}
