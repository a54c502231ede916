import { type ContentSource, contentShape } from "../../schema/content.ts";
import type { Clock } from "../platform/clock.ts";
import type { Db } from "../platform/database.ts";
import type { Ids } from "../platform/ids.ts";
import { createLog } from "../platform/log.ts";
import type { Accounts } from "../services/accounts/service.ts";
import { createPostgresRanking, type Ranking } from "../services/leaderboards/ranking.ts";
import { createLeaderboards, type Leaderboards } from "../services/leaderboards/service.ts";
import { createProgression, type GiveItems, type Progression } from "../services/progression/service.ts";

interface TestProgressionParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly accounts?: Pick<Accounts, "displayNames">;
  readonly content?: Partial<ContentSource>;
  readonly giveItems?: GiveItems;
  readonly ranking?: Ranking;
}

export interface TestProgression {
  readonly progression: Progression;
  readonly leaderboards: Leaderboards;
  /** Brings other content, from now on. */
  activate(content: Partial<ContentSource>): void;
}

const levels = { base: 100, growth: 50, max: 100 };

/** Progression and leaderboards by themselves on a database, without a catalogue or an inventory behind them. */
export function createTestProgression({
  db,
  clock,
  ids,
  accounts = { displayNames: async () => new Map() },
  content: source = {},
  giveItems = () => Promise.reject(new Error("no items were expected")),
  ranking = createPostgresRanking({ db }),
}: TestProgressionParts): TestProgression {
  let active = contentShape.parse({ levels, ...source });
  const content = () => active;
  const leaderboards = createLeaderboards({ db, clock, ranking, accounts, content });
  const log = createLog({ level: "silent" });
  const progression = createProgression({ db, clock, ids, log, content, leaderboards, giveItems });
  return {
    progression,
    leaderboards,
    activate(next) {
      active = contentShape.parse({ levels, ...next });
    },
  };
}
