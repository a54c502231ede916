import { z } from "zod";
import { AppError } from "../platform/errors.ts";
import { type Route, route } from "../platform/http.ts";
import type { OwnProcesses } from "./processes/processes.ts";
import { pingReply, type Regions } from "./processes/regions.ts";

interface ClusterRouteParts {
  readonly region: string;
  readonly processes: OwnProcesses;
  readonly regions: Regions;
  /** Whether players who come now would find a seat, as far as this process knows. */
  readonly isHealthy: () => boolean;
}

const regionReply = z.strictObject({
  regions: z.array(
    z.strictObject({
      name: z.string(),
      url: z.string(),
      isHealthy: z.boolean(),
      players: z.number().int().min(0),
    }),
  ),
});

/** Of where players are best served. Both are asked again and again, also by other regions. */
export function clusterRoutes({ region, processes, regions, isHealthy }: ClusterRouteParts) {
  const limit = { count: 600, perSeconds: 60 };
  return [
    route({ method: "GET", path: "/api/regions", role: "anyone", limit, reply: regionReply }, async () => ({
      regions: regions.all().map((each) => ({ ...each })),
    })),
    route(
      { method: "GET", path: "/api/ping", role: "anyone", limit, reply: pingReply, errors: ["UNAVAILABLE"] },
      async () => {
        if (!isHealthy()) throw new AppError("UNAVAILABLE", { reason: "region" });
        const ours = processes.all().filter((record) => record.region === region);
        return { region, players: ours.reduce((sum, { load }) => sum + load.players, 0) };
      },
    ),
  ] as const satisfies readonly Route[];
}
