import { z } from "zod";
import { contentShape } from "../../../schema/content.ts";
import { route } from "../../platform/http.ts";
import type { Catalogue } from "./service.ts";

const limit = { count: 120, perSeconds: 60 };
/** What a shop, an inventory and a results screen show. What drops how often is the house's own business. */
const shown = contentShape.pick({
  currencies: true,
  items: true,
  recipes: true,
  offers: true,
  leaderboards: true,
  stats: true,
});
const reply = z.object({ version: z.number().int(), content: shown.strip() });

export function catalogueRoutes(catalogue: Catalogue) {
  return [
    route({ method: "GET", path: "/api/catalogue", role: "anyone", limit, reply }, async () => ({
      version: catalogue.version(),
      content: catalogue.content(),
    })),
  ];
}
