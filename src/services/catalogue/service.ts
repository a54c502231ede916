import { createHash } from "node:crypto";
import { desc, eq, lt, sql } from "drizzle-orm";
import { type Content, type ContentSource, contentShape } from "../../../schema/content.ts";
import { catalogueActive, catalogueVersions } from "../../../schema/tables/catalogue.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import { contentProblems } from "./problems.ts";

/** The game's data: what counts now, and what counted when something was bought or found. */
export interface Catalogue {
  /** What counts now in this process. */
  content(): Content;
  /** Its number in the database, from 1; 0 until `bring` is through. */
  version(): number;
  /** Content of any version that was ever active. Fails with CATALOGUE_VERSION_UNKNOWN. */
  contentOf(version: number): Promise<Content>;
  /**
   * Stores the content that this process was built with, and makes it count if the database has never seen it. A process
   * of the release before that starts again does not bring its own back.
   */
  bring(): Promise<void>;
  /**
   * Makes a stored version count when the caller's transaction commits, everywhere within the time between two looks, and
   * tells which one did before. Fails with CATALOGUE_VERSION_UNKNOWN, or CATALOGUE_INVALID for one that this release cannot
   * read any more.
   */
  activate(tx: Tx, version: number): Promise<{ before: number }>;
  /** Stored versions, newest first, from behind `before`. `limit` is 1 to VERSIONS_PAGE_MAX. */
  versions(page: { readonly before?: number | undefined; readonly limit: number }): Promise<CatalogueVersion[]>;
  /** Which version counts by the database, and since when; null before the first. */
  active(): Promise<ActiveVersion | null>;
  /** Looks which version counts. */
  refresh(): Promise<void>;
}

/** A content that counts or did. */
export interface CatalogueVersion {
  readonly version: number;
  /** SHA-256 of the content, in hex. */
  readonly hash: string;
  readonly createdAt: Date;
}

export interface ActiveVersion extends CatalogueVersion {
  readonly activatedAt: Date;
}

export const VERSIONS_PAGE_MAX = 100;

interface CatalogueParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly source: ContentSource;
}

/** Validates a game's content as a whole. Fails with CATALOGUE_INVALID and every problem, up to 50. */
export function parseContent(source: unknown): Content {
  const parsed = contentShape.safeParse(source);
  const problems = parsed.success
    ? contentProblems(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  if (!parsed.success || problems.length > 0)
    throw new AppError("CATALOGUE_INVALID", { problems: problems.slice(0, 50) });
  return parsed.data;
}

export function createCatalogue({ db, clock, log, source }: CatalogueParts): Catalogue {
  const own = parseContent(source);
  const known = new Map<number, Content>();
  let active = { version: 0, content: own };
  const contentOf = async (version: number, from: Db | Tx = db) => {
    const before = known.get(version);
    if (before !== undefined) return before;
    const [row] = await from.select().from(catalogueVersions).where(eq(catalogueVersions.version, version));
    if (row === undefined) throw new AppError("CATALOGUE_VERSION_UNKNOWN", { version });
    const content = parseContent(row.content);
    known.set(version, content);
    return content;
  };
  const refresh = async () => {
    const [row] = await db.select({ version: catalogueActive.version }).from(catalogueActive);
    if (row === undefined || row.version === active.version) return;
    active = { version: row.version, content: await contentOf(row.version) };
    log.info({ version: row.version }, "catalogue.active");
  };
  return {
    content: () => active.content,
    version: () => active.version,
    contentOf: (version) => contentOf(version),
    refresh,

    async bring() {
      const text = JSON.stringify(own);
      const hash = createHash("sha256").update(text).digest("hex");
      // One statement, so that content is there and counts, or neither.
      await db.execute(sql`
        with brought as (
          insert into ${catalogueVersions} (hash, content, created_at) values (${hash}, ${text}::jsonb, ${clock.date()})
          on conflict (hash) do nothing returning version
        )
        insert into ${catalogueActive} (version, activated_at) select version, ${clock.date()} from brought
        on conflict (is_only_row) do update set version = excluded.version, activated_at = excluded.activated_at`);
      await refresh();
    },

    async activate(tx, version) {
      await contentOf(version, tx);
      const [row] = await tx.select().from(catalogueActive).for("update");
      invariant(row !== undefined, "a version counts from the first start on");
      await tx.update(catalogueActive).set({ version, activatedAt: clock.date() });
      return { before: row.version };
    },

    async versions({ before, limit }) {
      const { version, hash, createdAt } = catalogueVersions;
      return db
        .select({ version, hash, createdAt })
        .from(catalogueVersions)
        .where(before === undefined ? undefined : lt(version, before))
        .orderBy(desc(version))
        .limit(Math.min(limit, VERSIONS_PAGE_MAX));
    },

    async active() {
      const { version, hash, createdAt } = catalogueVersions;
      const [row] = await db
        .select({ version, hash, createdAt, activatedAt: catalogueActive.activatedAt })
        .from(catalogueActive)
        .innerJoin(catalogueVersions, eq(version, catalogueActive.version));
      return row ?? null;
    },
  };
}
