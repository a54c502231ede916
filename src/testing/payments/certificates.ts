import { createSign, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export interface Certificate {
  readonly der: Buffer;
  readonly key: KeyObject;
  readonly name: string;
}

/** What Apple marks the certificates with that may sign for the App Store, and those that may issue them. */
export const APPLE_LEAF_MARK = "1.2.840.113635.100.6.11.1";
export const APPLE_INTERMEDIATE_MARK = "1.2.840.113635.100.6.2.1";

interface Issued {
  readonly name: string;
  /** Nobody: it signs itself. */
  readonly issuer?: Certificate;
  readonly isAuthority: boolean;
  /** Its extension, by number, with nothing in it. */
  readonly mark?: string;
}

let serial = 0;

/** An X.509 certificate of a fresh P-256 key, valid from 2020 to 2040. */
export function issueCertificate({ name, issuer, isAuthority, mark }: Issued): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    extension("2.5.29.19", sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []))),
    ...(mark === undefined ? [] : [extension(mark, der(0x05, Buffer.alloc(0)))]),
  ];
  const algorithm = sequence(objectId("1.2.840.10045.4.3.2"));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([++serial])),
    algorithm,
    nameOf(issuer?.name ?? name),
    sequence(der(0x17, Buffer.from("200101000000Z")), der(0x17, Buffer.from("400101000000Z"))),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuer?.key ?? privateKey);
  const bits = der(0x03, Buffer.concat([Buffer.from([0]), signature]));
  return { der: sequence(body, algorithm, bits), key: privateKey, name };
}

/** A compact JWS (ES256) that carries the chain of certificates of its key, as Apple signs. */
export function signWithChain(payload: object, chain: readonly Certificate[]): string {
  const x5c = chain.map((certificate) => certificate.der.toString("base64"));
  const text = `${part({ alg: "ES256", x5c })}.${part(payload)}`;
  const [leaf] = chain;
  if (leaf === undefined) throw new Error("a chain begins with the one who signs");
  const signature = createSign("sha256").update(text).sign({ key: leaf.key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

export function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function extension(number: string, value: Buffer): Buffer {
  return sequence(objectId(number), der(0x04, value));
}

function nameOf(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId("2.5.4.3"), der(0x0c, Buffer.from(name)))));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function objectId(number: string): Buffer {
  const [first = 0, second = 0, ...rest] = number.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest.flatMap(base128)];
  return der(0x06, Buffer.from(bytes));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
