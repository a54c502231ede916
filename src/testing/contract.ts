import { z } from "zod";

/** As much of an OpenAPI document as a contract needs. */
interface Document {
  readonly paths: Readonly<Record<string, object>>;
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content: { readonly "application/json": { schema: object } } }>
  >;
}

interface Answer {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

export interface Contract {
  /** What is wrong with an answer by the description; null when nothing is, or when the path is not described. */
  problemOf(answer: Answer): string | null;
}

/** Holds answers against a description: their status, and their body by the schema that stands there. */
export function createContract({ paths }: Document): Contract {
  const templates = Object.entries(paths).map(([template, operations]) => {
    const pattern = new RegExp(`^${template.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`);
    return { template, pattern, operations: operations as Record<string, Operation> };
  });
  const schemas = new Map<string, z.ZodType>();
  const schemaOf = (name: string, schema: object) => {
    const known = schemas.get(name) ?? z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    schemas.set(name, known);
    return known;
  };
  return {
    problemOf({ method, path, status, body }) {
      const found = templates.find(({ pattern }) => pattern.test(path));
      const operation = found?.operations[method.toLowerCase()];
      if (found === undefined || operation === undefined) return null;
      const name = `${method} ${found.template} ${status}`;
      const described = operation.responses[String(status)];
      const cure = "add its code to the errors of the route";
      if (described === undefined) return `${name} is not described: ${cure}: ${JSON.stringify(body)}`;
      const { error } = schemaOf(name, described.content["application/json"].schema).safeParse(body);
      return error === undefined ? null : `${name} is described otherwise: ${cure}: ${error.message}`;
    },
  };
}
