import type { ErrorTable } from "./table.ts";

export const catalogueErrors = {
  CATALOGUE_INVALID: { status: 422, message: "The content does not hold together." },
  CATALOGUE_VERSION_UNKNOWN: { status: 404, message: "There is no such version of the content." },
} as const satisfies ErrorTable;
