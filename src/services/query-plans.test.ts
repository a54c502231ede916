import { testHotQueries } from "../testing/hot-queries.ts";

/** So many that the planner chooses as it does among a million, which the soak has. */
await testHotQueries({ rows: 20_000 });
