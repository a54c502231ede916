import { type ESTree, Visitor } from "vite";
import type { Code, Violation } from "./code.ts";

/** Failures of any door, whatever the feature behind it. */
const EXEMPT = "platform";
/** Features whose codes speak of one of the things they hold. */
const PREFIXES: Readonly<Record<string, string>> = { rooms: "ROOM_" };

/** Each code of `schema/errors/<feature>.ts` begins with its feature, and travels with a status that means failure. */
export function checkErrorCodes(code: readonly Code[]): Violation[] {
  return code.flatMap(({ path, program }) => {
    const feature = /^schema\/errors\/([a-z-]+)\.ts$/.exec(path)?.[1];
    if (feature === undefined) return [];
    const prefix = PREFIXES[feature] ?? `${feature.toUpperCase().replaceAll("-", "_")}_`;
    return entries(program).flatMap(({ name, status }) => {
      const problem = (what: string, cure: string): Violation => ({ rule: "TIDY9", path, what, cure });
      const misnamed = feature !== EXEMPT && !name.startsWith(prefix);
      return [
        ...(misnamed ? [problem(`declares ${name}`, `begin it with ${prefix}, or move it to its own feature`)] : []),
        ...(isFailure(status) ? [] : [problem(`gives ${name} the status ${status}`, "choose one from 400 to 599")]),
      ];
    });
  });
}

function entries(program: ESTree.Program): { name: string; status: unknown }[] {
  const found: { name: string; status: unknown }[] = [];
  const visitor = new Visitor({
    Property({ key, value }: ESTree.Node & { type: "Property" }) {
      if (value.type !== "ObjectExpression" || key.type !== "Identifier") return;
      const status = value.properties.find(
        (field) => field.type === "Property" && field.key.type === "Identifier" && field.key.name === "status",
      );
      if (status?.type !== "Property") return;
      found.push({ name: key.name, status: status.value.type === "Literal" ? status.value.value : undefined });
    },
  });
  visitor.visit(program);
  return found;
}

function isFailure(status: unknown): boolean {
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599;
}
