import { testHotQueries } from "../testing/hot-queries.ts";

await testHotQueries({ rows: 1_000_000 });
