import type { AddressInfo } from "node:net";
import { createSystemClock } from "../../platform/clock.ts";
import { AppError, createErrorTranslator } from "../../platform/errors.ts";
import { writeJson } from "../../platform/http.ts";
import { createHttpListener } from "../../platform/http-listener.ts";
import { createIds } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import type { SlotStatus } from "./slot.ts";

interface SummaryParts {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  readonly status: () => readonly SlotStatus[];
}

/** Tells at `/processes` which processes there are and where their metrics are, and at `/metrics` how many serve. */
export async function startSummary({ host, port, log, status }: SummaryParts): Promise<() => Promise<void>> {
  const translate = createErrorTranslator({
    ids: createIds({ clock: createSystemClock(), random: cryptoRandom }),
    log,
  });
  const server = createHttpListener({ tls: null, translate });
  server.on("request", (request, response) => {
    if (request.method === "GET" && request.url === "/processes")
      return writeJson(response, 200, { processes: status() }, NO_STORE);
    if (request.method === "GET" && request.url === "/metrics")
      return void response
        .writeHead(200, { ...NO_STORE, "content-type": "text/plain; version=0.0.4" })
        .end(metricsOf(status()));
    const shown = translate(new AppError("ROUTE_NOT_FOUND"), { door: "summary" });
    writeJson(response, shown.status, shown.body, NO_STORE);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  log.info({ summaryPort: (server.address() as AddressInfo).port }, "supervisor.started");
  return () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
}

const NO_STORE = { "cache-control": "no-store" };

function metricsOf(processes: readonly SlotStatus[]): string {
  const ready = processes.filter(({ state }) => state === "ready").length;
  const deaths = processes.reduce((total, each) => total + each.deaths, 0);
  return [
    "# HELP umpire_processes Processes that this supervisor is to keep alive.",
    "# TYPE umpire_processes gauge",
    `umpire_processes ${processes.length}`,
    "# HELP umpire_processes_ready Processes that serve. Alarm when it is below umpire_processes for minutes.",
    "# TYPE umpire_processes_ready gauge",
    `umpire_processes_ready ${ready}`,
    "# HELP umpire_process_deaths_total Processes that ended without being told to.",
    "# TYPE umpire_process_deaths_total counter",
    `umpire_process_deaths_total ${deaths}`,
    "",
  ].join("\n");
}
