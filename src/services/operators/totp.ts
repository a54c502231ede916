import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { createTOTPKeyURI, verifyHOTP } from "@oslojs/otp";
import type { OperatorId } from "../../../schema/ids.ts";
import type { Random } from "../../platform/random.ts";

export interface Totp {
  /** A new secret, as it is stored. */
  mint(operatorId: OperatorId): string;
  /** What an authenticator app is given, as a QR code or typed in: it holds the secret in clear. */
  uri(operatorId: OperatorId, name: string, stored: string): string;
  /** The step that this code belongs to, of the one now and its neighbours; null when it is none of theirs. */
  stepOf(operatorId: OperatorId, stored: string, code: string, nowMs: number): number | null;
}

const STEP_SECONDS = 30;
const DIGITS = 6;
/** As RFC 4226 recommends; with HMAC-SHA-1, which is all that most apps know. */
const SECRET_BYTES = 20;
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * RFC 6238. Secrets are stored encrypted with a key that derives from the server's secret, each bound to its operator:
 * whoever can only read or write the database can neither make codes nor move a secret to another row.
 */
export function createTotp({ secret, random }: { readonly secret: string; readonly random: Random }): Totp {
  const key = new Uint8Array(hkdfSync("sha256", secret, "", "umpire operator totp", 32));
  const open = (operatorId: OperatorId, stored: string): Uint8Array => {
    const bytes = Buffer.from(stored, "base64url");
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(operatorId));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  };
  return {
    mint(operatorId) {
      const iv = random.bytes(IV_BYTES);
      const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(operatorId));
      const sealed = [cipher.update(random.bytes(SECRET_BYTES)), cipher.final()];
      return Buffer.concat([iv, ...sealed, cipher.getAuthTag()]).toString("base64url");
    },
    uri: (operatorId, name, stored) => createTOTPKeyURI("Umpire", name, open(operatorId, stored), STEP_SECONDS, DIGITS),
    stepOf(operatorId, stored, code, nowMs) {
      const secretNow = open(operatorId, stored);
      const now = Math.floor(nowMs / (STEP_SECONDS * 1000));
      // All three are compared, whichever fits, so that time does not tell.
      const fitting = [now, now - 1, now + 1].filter((step) => verifyHOTP(secretNow, BigInt(step), DIGITS, code));
      return fitting[0] ?? null;
    },
  };
}
