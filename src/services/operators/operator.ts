import { parseArgs } from "node:util";
import type { OperatorCommand } from "../../platform/operator.ts";
import type { Perform } from "../../platform/operator-http.ts";
import type { Operators } from "./service.ts";

const ROLES = ["support", "economy", "admin"] as const;
const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const REASON = "asked for at the shell";

/** How the first operator comes to be, and every other one. */
export function operatorsCommands(operators: Operators, perform: Perform): OperatorCommand[] {
  return [
    {
      name: "create",
      usage: "--name <a-z, 0-9, -> --role support|economy|admin [--reason <text>]",
      description: "Makes an operator. Prints the password and the secret for an authenticator app, this once.",
      async run(words) {
        const { name, role, reason } = optionsOf(words);
        const wanted = ROLES.find((candidate) => candidate === role);
        if (wanted === undefined) throw new TypeError(`--role takes ${ROLES.join(", ")}.`);
        const fresh = await operators.freshPassword();
        return perform({ actor: "shell", reason, keyed: null }, async (tx) => {
          const made = await operators.create(tx, { name, role: wanted, fresh });
          return { action: "operators.create", subject: made.id, details: { name, role: wanted }, reply: made };
        });
      },
    },
    {
      name: "renew",
      usage: "--name <name> [--reason <text>]",
      description: "A new password and a new secret for an operator, enabled again; every session of theirs ends.",
      async run(words) {
        const { name, reason } = optionsOf(words);
        const fresh = await operators.freshPassword();
        return perform({ actor: "shell", reason, keyed: null }, async (tx) => {
          const renewed = await operators.renew(tx, { name, fresh });
          return { action: "operators.renew", subject: renewed.id, details: { name }, reply: renewed };
        });
      },
    },
    {
      name: "disable",
      usage: "--name <name> [--reason <text>]",
      description: "Ends every session of an operator, and opens none.",
      async run(words) {
        const { name, reason } = optionsOf(words);
        return perform({ actor: "shell", reason, keyed: null }, async (tx) => {
          const disabled = await operators.disable(tx, name);
          return { action: "operators.disable", subject: disabled.id, details: { name }, reply: disabled };
        });
      },
    },
    { name: "operators", usage: "", description: "Every operator.", run: async () => operators.list() },
  ];
}

function optionsOf(words: readonly string[]): { name: string; role: string | undefined; reason: string } {
  const options = { name: { type: "string" }, role: { type: "string" }, reason: { type: "string" } } as const;
  const { name = "", role, reason = REASON } = parseArgs({ args: [...words], options }).values;
  if (reason.trim() === "" || reason.length > 1000) throw new TypeError("--reason takes 1 to 1000 characters.");
  if (!NAME.test(name)) throw new TypeError("--name takes 1 to 32 characters of a-z, 0-9 and -, a letter first.");
  return { name, role, reason };
}
