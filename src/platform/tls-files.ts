import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { type Config, ConfigError } from "./config.ts";

/** Certificate chain and private key as PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What TLS_CERT_FILE and TLS_KEY_FILE hold, or null where TLS is left to a proxy. Fails with ConfigError. */
export async function readTlsFiles({
  TLS_CERT_FILE,
  TLS_KEY_FILE,
}: Pick<Config, "TLS_CERT_FILE" | "TLS_KEY_FILE">): Promise<TlsFiles | null> {
  if (TLS_CERT_FILE === null || TLS_KEY_FILE === null) return null;
  try {
    const files = { cert: await readFile(TLS_CERT_FILE), key: await readFile(TLS_KEY_FILE) };
    createSecureContext(files);
    return files;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ConfigError([`TLS_CERT_FILE and TLS_KEY_FILE must be a certificate and its key, as PEM: ${reason}.`]);
  }
}
