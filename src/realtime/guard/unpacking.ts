import { addExtension } from "msgpackr";

/**
 * The extensions of msgpackr by which bytes become more than data: BigInt, bundled strings, errors, references within the
 * message (with which a message of 18 bytes contains itself), sets, typed arrays, dates of any size and regular
 * expressions. Each is told by one letter.
 */
export const REFUSED_EXTENSIONS: readonly number[] = [0x42, 0x62, 0x65, 0x69, 0x70, 0x73, 0x74, 0x78];

/**
 * Makes the unpacking that the engine shares with this process refuse them. The frame guard lets none of them through;
 * this holds for whatever else is unpacked. Repeating it does no harm.
 */
export function refuseExtensions(): void {
  for (const type of REFUSED_EXTENSIONS) {
    addExtension({
      type,
      unpack() {
        throw new Error(`msgpack extension 0x${type.toString(16)} is refused`);
      },
    } as Parameters<typeof addExtension>[0]);
  }
}
