import { createHmac, hkdfSync } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import type { Clock } from "../../platform/clock.ts";
import { type Random, secretText } from "../../platform/random.ts";

/**
 * Devices that have signed in to an address before, after OWASP's device cookies: whoever tries passwords at random has
 * no such token, so the throttle that stops them leaves the owner's own devices alone. It proves nothing else.
 */
export interface Devices {
  /** A token that names this address to nobody, good for half a year. */
  issue(email: string): Promise<string>;
  /** The device's own id, or null when the token is not for this address. */
  check(token: string, email: string): Promise<string | null>;
}

const ALGORITHM = "HS256";
const TYPE = "umpire-device+jwt";
const DEVICE_TTL_SECONDS = 180 * 24 * 60 * 60;
const DEVICE_ID_BITS = 128;

export function createDevices({ clock, random, secret }: { clock: Clock; random: Random; secret: string }): Devices {
  const key = new Uint8Array(hkdfSync("sha256", secret, "", "umpire device", 32));
  const subjectOf = (email: string) => createHmac("sha256", key).update(email).digest("base64url");
  return {
    issue: (email) =>
      new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(subjectOf(email))
        .setJti(secretText(random, DEVICE_ID_BITS))
        .setExpirationTime(Math.floor(clock.now() / 1000) + DEVICE_TTL_SECONDS)
        .sign(key),

    async check(token, email) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          subject: subjectOf(email),
          requiredClaims: ["exp", "jti"],
          currentDate: clock.date(),
        });
        return payload.jti ?? null;
      } catch (thrown) {
        if (thrown instanceof errors.JOSEError) return null;
        throw thrown;
      }
    },
  };
}
