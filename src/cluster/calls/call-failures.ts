import { ServerError } from "@colyseus/core";
import { z } from "zod";
import { type ErrorCode, errorCodes } from "../../../schema/errors/codes.ts";
import { AppError } from "../../platform/errors.ts";

/** A failure as it travels: its code and what may be shown. Causes stay where they came from, in the log there. */
export const failureShape = z.strictObject({
  code: z.union([z.string().max(64), z.number().int()]),
  details: z.record(z.string(), z.unknown()),
});
export type Failure = z.output<typeof failureShape>;

export function isCoded(thrown: unknown): boolean {
  return failureOf(thrown).code !== "INTERNAL";
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof AppError) return { code: thrown.code, details: { ...thrown.details } };
  // The engine throws an onCreate's failure again, with the code as it was and everything else lost.
  const code: unknown = (thrown as { code?: unknown } | null)?.code;
  const isOurs = typeof code === "string" && Object.hasOwn(errorCodes, code);
  const isTheirs = typeof code === "number" && Number.isInteger(code);
  return { code: isOurs || isTheirs ? code : "INTERNAL", details: {} };
}

/** What the caller throws: one of ours, one of the engine's numbers, or a defect that was logged where it happened. */
export function thrownOf({ code, details }: Failure): Error {
  if (typeof code === "number") return new ServerError(code);
  return new AppError(Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : "INTERNAL", details);
}
