import type { Config } from "./config.ts";

/** What is wrong with the settings by which processes are one game. */
export function clusterProblems(config: Config): string[] {
  const problems: string[] = [];
  const isAlone = config.PROCESSES === 1;
  if (!isAlone && config.PUBLIC_ADDRESS !== null)
    problems.push("PUBLIC_ADDRESS names one process, and PROCESSES share a port: set one of them.");
  if (!isAlone && config.RELAY_PORT !== 0)
    problems.push("RELAY_PORT is one process's own: leave it out with PROCESSES, and each takes a free one.");
  if (isAlone && config.ROLE !== "all" && config.REDIS_URL === null)
    problems.push(`REDIS_URL is required with ROLE=${config.ROLE}: it is how processes find one another.`);
  if (config.NODE_ENV === "production" && !isAlone && config.REDIS_URL === null)
    problems.push("REDIS_URL is required in production with PROCESSES: the own Redis is for development.");
  return problems;
}
