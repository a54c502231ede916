/** Payloads that somebody thought of: each once brought a decoder, a handler or a re-encoder down, or nearly. */
export const craftedPayloads: readonly { readonly name: string; readonly payload: Buffer }[] = [
  { name: "array32 bomb", payload: hex("dd ffffffff") },
  { name: "array32 bomb within", payload: hex("91 dd 7fffffff 00") },
  { name: "map32 bomb", payload: hex("df ffffffff") },
  { name: "map16 bomb", payload: hex("de ffff a161 01") },
  { name: "bin32 bomb", payload: hex("c6 ffffffff 00") },
  { name: "str32 bomb", payload: hex("db ffffffff 61") },
  { name: "str32 bomb of 2 GB", payload: hex("db 7fffffff") },
  { name: "ext32 bomb", payload: hex("c9 ffffffff 69") },
  { name: "cyclic array", payload: hex("d6 69 00000001 91 d6 70 00000001") },
  { name: "cyclic map", payload: hex("d6 69 00000001 81 a161 d6 70 00000001") },
  { name: "pointer to nothing", payload: hex("d6 70 00000063") },
  { name: "regular expression", payload: hex("c7 0a 78 92 a6 28 61 2b 29 2b 24 a0") },
  { name: "regular expression as fixext", payload: hex("d5 78 92 a1 28 a0") },
  { name: "Error named constructor", payload: hex("c7 0f 65 93 ab 636f6e7374727563746f72 a178 c0") },
  { name: "Error named __proto__", payload: hex("c7 0d 65 93 a9 5f5f70726f746f5f5f a178 c0") },
  { name: "Set", payload: hex("c7 04 73 93 01 02 03") },
  { name: "typed array of no kind", payload: hex("c7 05 74 ff 00 00 00 00") },
  { name: "BigInt", payload: hex("c7 09 42 7fffffffffffffffff") },
  { name: "bundled strings", payload: hex("d6 62 00000010") },
  { name: "record of another message", payload: hex("d4 72 40 92 a161 a162 01 02") },
  { name: "record without end", payload: hex("40 40 40 40") },
  { name: "Date out of range", payload: hex("d7 ff ffffffffffffffff") },
  { name: "Date of 12 bytes", payload: hex("c7 0c ff ffffffff ffffffffffffffff") },
  { name: "__proto__ as a key", payload: hex("81 a9 5f5f70726f746f5f5f 81 a7 697341646d696e c3") },
  { name: "constructor.prototype", payload: hex("81 ab 636f6e7374727563746f72 81 a9 70726f746f74797065 80") },
  { name: "the same key twice", payload: hex("82 a164 01 a164 02") },
  { name: "key that is a map", payload: hex("81 80 01") },
  { name: "toJSON", payload: hex("81 a6 746f4a534f4e 01") },
  { name: "then", payload: hex("81 a4 7468656e 01") },
  { name: "NaN", payload: hex("81 a2 6478 cb 7ff8000000000000") },
  { name: "negative zero", payload: hex("81 a2 6478 cb 8000000000000000") },
  { name: "1e308", payload: hex("81 a2 6478 cb 7fe1ccf385ebc8a0") },
  { name: "lone surrogate", payload: hex("a3 eda080") },
  { name: "NUL", payload: hex("a3 610062") },
  { name: "never used", payload: hex("c1") },
  { name: "two values", payload: hex("01 02") },
  { name: "nothing", payload: Buffer.alloc(0) },
  { name: "3000 deep arrays", payload: Buffer.alloc(3000, 0x91) },
  { name: "3000 deep, closed", payload: Buffer.concat([Buffer.alloc(3000, 0x91), hex("c0")]) },
  { name: "1300 deep maps", payload: Buffer.concat(Array.from({ length: 1300 }, () => hex("81 a161"))) },
  { name: "4000 bytes of text", payload: Buffer.concat([hex("da 0fa0"), Buffer.alloc(4000, 0x61)]) },
  { name: "200 kinds of object", payload: Buffer.concat([hex("dc 00c8"), ...Array.from({ length: 200 }, oddObject)]) },
];

function oddObject(_: unknown, index: number): Buffer {
  return Buffer.of(0x81, 0xa2, 0x61 + (index % 26), 0x61 + Math.floor(index / 26), 0x01);
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}
