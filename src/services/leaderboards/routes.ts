import { z } from "zod";
import { route } from "../../platform/http.ts";
import { pageLimit } from "../../platform/paging.ts";
import type { Place } from "./ranking.ts";
import { LEADERBOARD_PAGE_MAX, type LeaderboardEntry, type Leaderboards } from "./service.ts";

const limit = { count: 120, perSeconds: 60 };

const period = z.enum(["daily", "weekly", "all"]).default("all");
const aroundQuery = z.strictObject({ period });
const pageQuery = z.strictObject({
  period,
  /** Where the page before ended, as it said: score, time and how many there. Who they are is nobody's business. */
  from: z
    .string()
    .regex(/^\d{1,15}\.\d{1,14}\.\d{1,4}$/)
    .transform((text): Place => {
      const [score = 0, reachedMs = 0, skip = 0] = text.split(".").map(Number);
      return { score, reachedAt: new Date(reachedMs), skip };
    })
    .nullable()
    .default(null),
  limit: pageLimit(LEADERBOARD_PAGE_MAX),
});

const entry = z.object({
  rank: z.number().int(),
  displayName: z.string().nullable(),
  score: z.number().int(),
  reachedAt: z.iso.datetime(),
  isYou: z.boolean(),
});
const entryList = z.object({ entries: z.array(entry) });
const entryPage = z.object({ entries: z.array(entry), next: z.string().nullable() });

const ERRORS = ["LEADERBOARDS_UNKNOWN"] as const;

export function leaderboardsRoutes(leaderboards: Leaderboards) {
  return [
    route(
      {
        method: "GET",
        path: "/api/leaderboards/:board",
        role: "player",
        limit,
        query: pageQuery,
        reply: entryPage,
        errors: ERRORS,
      },
      async ({ principal, params, query: page }) => {
        const { board = "" } = params;
        const { entries, next } = await leaderboards.top({ ...page, board, reader: principal.accountId });
        return { entries: entries.map(shown), next: next && placeText(next) };
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/leaderboards/:board/around",
        role: "player",
        limit,
        query: aroundQuery,
        reply: entryList,
        errors: ERRORS,
      },
      async ({ principal, params, query: asked }) => {
        const { board = "" } = params;
        const entries = await leaderboards.around({ ...asked, board, reader: principal.accountId });
        return { entries: entries.map(shown) };
      },
    ),
  ];
}

function placeText({ score, reachedAt, skip }: Place): string {
  return [score, reachedAt.getTime(), skip].join(".");
}

function shown({ reachedAt, ...entry }: LeaderboardEntry) {
  return { ...entry, reachedAt: reachedAt.toISOString() };
}
