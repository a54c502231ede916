import { generateHOTP } from "@oslojs/otp";
import type { OperatorId } from "../../schema/ids.ts";
import type { OperatorRole } from "../platform/operator-http.ts";
import type { TestApp } from "./app.ts";

/** An operator of a server under test, signed in. */
export interface TestOperator {
  readonly operatorId: OperatorId;
  readonly token: string;
}

const STEP_MS = 30_000;
let count = 0;

/** Made at the shell and signed in at the private listener, as a person would be. */
export async function signInOperator(app: TestApp, role: OperatorRole): Promise<TestOperator> {
  const name = `${role}-${++count}`;
  const { id, password, otpauthUri } = JSON.parse(await app.operate("create", "--name", name, "--role", role));
  // The server's clock is the database's, which here is this machine's.
  const nowMs = performance.timeOrigin + performance.now();
  const code = generateHOTP(secretOf(otpauthUri), BigInt(Math.floor(nowMs / STEP_MS)), 6);
  const { status, body } = await app.callOperator("POST", "/operator/sign-in", { body: { name, password, code } });
  if (status !== 200) throw new Error(`nobody was signed in: ${JSON.stringify(body)}`);
  return { operatorId: id, token: (body as { token: string }).token };
}

/** The secret of an authenticator app, as it reads it from what it is given. */
export function secretOf(otpauthUri: string): Uint8Array {
  const text = new URL(otpauthUri).searchParams.get("secret") ?? "";
  const letters = [...text.replace(/=+$/, "")];
  const bits = letters.map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
