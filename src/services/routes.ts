import { operatorOpenApiRoute } from "../platform/openapi.ts";
import type { OperatorRoute } from "../platform/operator-http.ts";
import { accountsOperatorRoutes } from "./accounts/operator-routes.ts";
import { accountsRoutes } from "./accounts/routes.ts";
import { auditOperatorRoutes } from "./audit/operator-routes.ts";
import { catalogueOperatorRoutes } from "./catalogue/operator-routes.ts";
import { catalogueRoutes } from "./catalogue/routes.ts";
import { inventoryOperatorRoutes } from "./inventory/operator-routes.ts";
import { inventoryRoutes } from "./inventory/routes.ts";
import { leaderboardsRoutes } from "./leaderboards/routes.ts";
import { operatorsOperatorRoutes } from "./operators/operator-routes.ts";
import { paymentsOperatorRoutes } from "./payments/operator-routes.ts";
import { paymentsRoutes } from "./payments/routes.ts";
import { progressionRoutes } from "./progression/routes.ts";
import type { Services } from "./services.ts";
import { storeRoutes } from "./store/routes.ts";
import { walletOperatorRoutes } from "./wallet/operator-routes.ts";
import { walletRoutes } from "./wallet/routes.ts";

/** What players and their programs may call. The client's types derive from what this gives. */
export function apiRoutes(services: Services, options: { isProduction: boolean }) {
  return [
    ...accountsRoutes(services.accounts, options),
    ...catalogueRoutes(services.catalogue),
    ...inventoryRoutes(services.inventory),
    ...leaderboardsRoutes(services.leaderboards),
    ...paymentsRoutes(services.payments, options),
    ...progressionRoutes(services.progression),
    ...storeRoutes(services.store),
    ...walletRoutes(services.wallet),
  ];
}

/** Every route that a client can call by `api`, as a type. */
export type ApiRoute = ReturnType<typeof apiRoutes>[number];

/** What operators may call. A feature adds its own here. */
export function operatorRoutesOf(services: Services): readonly OperatorRoute[] {
  const { accounts, audit, catalogue, inventory, operators, payments, wallet } = services;
  const routes: readonly OperatorRoute[] = [
    ...operatorsOperatorRoutes(operators),
    ...accountsOperatorRoutes(accounts),
    ...auditOperatorRoutes(audit),
    ...catalogueOperatorRoutes(catalogue),
    ...inventoryOperatorRoutes(inventory),
    ...paymentsOperatorRoutes(payments),
    ...walletOperatorRoutes(wallet),
    operatorOpenApiRoute(() => routes),
  ];
  return routes;
}
