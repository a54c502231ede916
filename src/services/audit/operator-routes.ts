import { z } from "zod";
import { type OperatorRoute, operatorRead, storableText } from "../../platform/operator-http.ts";
import { pageLimit } from "../../platform/paging.ts";
import { AUDIT_PAGE_MAX, type Audit, type AuditAnchor, type AuditRow } from "./service.ts";

const seq = z.string().regex(/^[1-9]\d{0,17}$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const pageQuery = z.strictObject({
  actor: z
    .string()
    .regex(/^(shell|opr_[0-9a-z]{26})$/)
    .optional(),
  subject: storableText(200).optional(),
  before: seq.optional(),
  limit: pageLimit(AUDIT_PAGE_MAX, 50),
});
const verifyQuery = z
  .strictObject({ seq: seq.optional(), hash: hash.optional() })
  .refine((anchor) => (anchor.seq === undefined) === (anchor.hash === undefined), "seq and hash belong together");

const rowShape = z.object({
  seq: z.string(),
  at: z.iso.datetime(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  reason: z.string(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  hash: z.string(),
});
const verdictShape = z.object({
  upto: z.object({ seq: z.string(), hash: z.string() }).nullable(),
  broken: z
    .object({ seq: z.string(), problem: z.enum(["missing", "altered", "unchained", "head", "anchor"]) })
    .nullable(),
});

/** Looking through the whole chain is work. */
const VERIFY_LIMIT = { count: 30, perSeconds: 60 };

export function auditOperatorRoutes(audit: Audit): OperatorRoute[] {
  return [
    operatorRead(
      { path: "/operator/audit", operator: "admin", query: pageQuery, reply: z.object({ rows: z.array(rowShape) }) },
      async ({ query: { before, ...page } }) => {
        const rows = await audit.page({ ...page, before: before === undefined ? undefined : BigInt(before) });
        return { rows: rows.map(rowAnswer) };
      },
    ),
    operatorRead(
      {
        path: "/operator/audit/verify",
        operator: "admin",
        limit: VERIFY_LIMIT,
        query: verifyQuery,
        reply: verdictShape,
      },
      async ({ query }) => {
        const { upto, broken } = await audit.verify(anchorOf(query));
        return {
          upto: upto && { ...upto, seq: String(upto.seq) },
          broken: broken && { ...broken, seq: String(broken.seq) },
        };
      },
    ),
  ];
}

function anchorOf({ seq: at, hash: of }: z.output<typeof verifyQuery>): AuditAnchor | undefined {
  return at === undefined || of === undefined ? undefined : { seq: BigInt(at), hash: of };
}

function rowAnswer({ seq: number, at, ...rest }: AuditRow) {
  return { ...rest, seq: String(number), at: at.toISOString(), details: { ...rest.details } };
}
