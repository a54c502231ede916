import { z } from "zod";
import type { MatchId } from "../../../schema/ids.ts";
import { route } from "../../platform/http.ts";
import { pageLimit } from "../../platform/paging.ts";
import { MATCHES_PAGE_MAX, type Progression } from "./service.ts";

const limit = { count: 240, perSeconds: 60 };

const pageQuery = z.strictObject({
  before: z
    .string()
    .regex(/^mat_[\w-]{1,60}$/)
    .optional(),
  limit: pageLimit(MATCHES_PAGE_MAX),
});

const whole = z.number().int();
const progress = z.object({
  xp: whole,
  level: whole,
  xpIntoLevel: whole,
  xpForNextLevel: whole.nullable(),
  matches: whole,
  wins: whole,
  stats: z.record(z.string(), whole),
});
const matchList = z.object({
  matches: z.array(
    z.object({
      matchId: z.string(),
      room: z.string(),
      mode: z.string(),
      startedAt: z.iso.datetime(),
      endedAt: z.iso.datetime(),
      placement: whole,
      kills: whole,
      deaths: whole,
      xpGained: whole,
    }),
  ),
});

export function progressionRoutes(progression: Progression) {
  return [
    route(
      { method: "GET", path: "/api/progression/me", role: "player", limit, reply: progress },
      async ({ principal }) => progression.me(principal.accountId),
    ),
    route(
      { method: "GET", path: "/api/progression/matches", role: "player", limit, query: pageQuery, reply: matchList },
      async ({ principal, query }) => {
        const before = query.before as MatchId | undefined;
        const matches = await progression.matches(principal.accountId, { before, limit: query.limit });
        return {
          matches: matches.map(({ startedAt, endedAt, ...rest }) => ({
            ...rest,
            startedAt: startedAt.toISOString(),
            endedAt: endedAt.toISOString(),
          })),
        };
      },
    ),
  ];
}
