import type { OperatorCommand } from "../../platform/operator.ts";
import { AUDIT_PAGE_MAX, type Audit, type AuditAnchor } from "./service.ts";

/** The log of what was done, for whoever may read the database anyway. */
export function auditCommands(audit: Audit): OperatorCommand[] {
  return [
    {
      name: "audit",
      usage: "[<subject>]",
      description: `The latest ${AUDIT_PAGE_MAX} rows of the audit log, of one account or operator or of all.`,
      async run([subject]) {
        const rows = await audit.page({ subject, limit: AUDIT_PAGE_MAX });
        return rows.map((row) => ({ ...row, seq: String(row.seq) }));
      },
    },
    {
      name: "audit-verify",
      usage: "[<seq>:<hash>]",
      description: "Whether the audit log is whole, and holds what it held when its end was this. Prints its end now.",
      async run([anchor]) {
        const { upto, broken } = await audit.verify(anchor === undefined ? undefined : anchorOf(anchor));
        const end = upto === null ? null : `${upto.seq}:${upto.hash}`;
        if (broken !== null) throw new Error(`The audit log is broken at row ${broken.seq}: ${broken.problem}.`);
        return { whole: true, end };
      },
    },
  ];
}

function anchorOf(word: string): AuditAnchor {
  const [, seq, hash] = /^([1-9]\d{0,17}):([0-9a-f]{64})$/.exec(word) ?? [];
  if (seq === undefined || hash === undefined) throw new TypeError("Write the end as <seq>:<hash>.");
  return { seq: BigInt(seq), hash };
}
