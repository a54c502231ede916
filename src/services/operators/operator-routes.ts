import { z } from "zod";
import { AppError } from "../../platform/errors.ts";
import { type OperatorRoute, operatorEntrance, operatorRead } from "../../platform/operator-http.ts";
import type { Operators } from "./service.ts";

const signInBody = z.strictObject({
  name: z.string().min(1).max(32),
  password: z.string().min(1).max(256),
  code: z.string().regex(/^\d{6}$/),
});
const nothing = z.strictObject({});

const time = z.iso.datetime();
const operatorShape = z.object({ id: z.string(), name: z.string(), role: z.enum(["support", "economy", "admin"]) });
const signedInShape = z.object({ token: z.string(), expiresAt: time, operator: operatorShape });
const operatorList = z.object({
  operators: z.array(operatorShape.extend({ createdAt: time, disabledAt: time.nullable() })),
});

/** All operators may come by one tunnel, and so from one address. */
const SIGN_IN_LIMIT = { count: 60, perSeconds: 900 };
const SIGN_OUT_LIMIT = { count: 60, perSeconds: 60 };

/** How operators come in, and who they are. New ones are made at the shell alone. */
export function operatorsOperatorRoutes(operators: Operators): OperatorRoute[] {
  return [
    operatorEntrance(
      {
        path: "/operator/sign-in",
        operator: "anyone",
        limit: SIGN_IN_LIMIT,
        body: signInBody,
        reply: signedInShape,
        errors: ["OPERATORS_CREDENTIALS_WRONG"],
      },
      async ({ body }) => {
        const { expiresAt, ...signedIn } = await operators.signIn(body);
        return { ...signedIn, expiresAt: expiresAt.toISOString() };
      },
    ),
    operatorEntrance(
      { path: "/operator/sign-out", operator: "operator", limit: SIGN_OUT_LIMIT, body: nothing, reply: nothing },
      async ({ principal }) => {
        if (principal === null) throw new AppError("UNAUTHENTICATED");
        await operators.signOut(principal);
        return {};
      },
    ),
    operatorRead(
      { path: "/operator/me", operator: "operator", reply: operatorShape },
      async ({ principal: { operatorId, name, role } }) => ({ id: operatorId, name, role }),
    ),
    operatorRead({ path: "/operator/operators", operator: "admin", reply: operatorList }, async () => {
      const list = await operators.list();
      return {
        operators: list.map(({ createdAt, disabledAt, ...rest }) => ({
          ...rest,
          createdAt: createdAt.toISOString(),
          disabledAt: disabledAt?.toISOString() ?? null,
        })),
      };
    }),
  ];
}
