import { z } from "zod";
import { AppError } from "../../platform/errors.ts";
import { type OperatorRoute, operatorAct, operatorRead } from "../../platform/operator-http.ts";
import { pageLimit } from "../../platform/paging.ts";
import { type Catalogue, VERSIONS_PAGE_MAX } from "./service.ts";

const VERSION_MAX = 2 ** 31 - 1;

const versionsQuery = z.strictObject({
  before: z
    .string()
    .regex(/^\d{1,10}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(VERSION_MAX))
    .optional(),
  limit: pageLimit(VERSIONS_PAGE_MAX),
});
const activateBody = z.strictObject({ version: z.number().int().min(1).max(VERSION_MAX) });

const instant = z.iso.datetime();
const versionShape = z.object({ version: z.number().int(), hash: z.string(), createdAt: instant });
const activeShape = versionShape.extend({ activatedAt: instant });

/** Which contents there are, and which one counts. What is in one every player may ask for, but for what drops how often. */
export function catalogueOperatorRoutes(catalogue: Catalogue): OperatorRoute[] {
  return [
    operatorRead(
      {
        path: "/operator/catalogue/versions",
        operator: "operator",
        query: versionsQuery,
        reply: z.object({ versions: z.array(versionShape) }),
      },
      async ({ query }) => {
        const versions = await catalogue.versions(query);
        return {
          versions: versions.map(({ createdAt, ...rest }) => ({ ...rest, createdAt: createdAt.toISOString() })),
        };
      },
    ),
    operatorRead(
      {
        path: "/operator/catalogue/active",
        operator: "operator",
        reply: activeShape,
        errors: ["CATALOGUE_VERSION_UNKNOWN"],
      },
      async () => {
        const active = await catalogue.active();
        if (active === null) throw new AppError("CATALOGUE_VERSION_UNKNOWN");
        const { createdAt, activatedAt, ...rest } = active;
        return { ...rest, createdAt: createdAt.toISOString(), activatedAt: activatedAt.toISOString() };
      },
    ),
    operatorAct(
      {
        path: "/operator/catalogue/activate",
        operator: "admin",
        body: activateBody,
        reply: z.object({ version: z.number().int(), before: z.number().int() }),
        errors: ["CATALOGUE_INVALID", "CATALOGUE_VERSION_UNKNOWN"],
      },
      async (tx, { body: { version } }) => {
        const { before } = await catalogue.activate(tx, version);
        const reply = { version, before };
        return { action: "catalogue.activate", subject: `catalogue:${version}`, details: reply, reply };
      },
    ),
  ];
}
