import type { ErrorTable } from "./table.ts";

export const operatorsErrors = {
  OPERATORS_CREDENTIALS_WRONG: {
    status: 401,
    message: "Name, password or code is wrong, or the code was used before.",
  },
  OPERATORS_FORBIDDEN: { status: 403, message: "Your role does not reach this." },
  OPERATORS_NAME_TAKEN: { status: 409, message: "There is an operator of this name already." },
  OPERATORS_UNKNOWN: { status: 404, message: "There is no operator of this name." },
} as const satisfies ErrorTable;
