import { z } from "zod";

/** How many entries a page shall have, as a query says it: 1 to `max`, and `shown` unless it says so. */
export function pageLimit(max: number, shown = 20) {
  return z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(max))
    .default(shown);
}

/** A place in a numbered list, as a query says it. */
export const placeInList = z
  .string()
  .regex(/^\d{1,18}$/)
  .transform(BigInt);
