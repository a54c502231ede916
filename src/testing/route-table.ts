import { globSync } from "node:fs";
import { join } from "node:path";
import type { Route } from "../platform/http.ts";

/** What a route takes, as far as somebody who wants to harm it has to know. */
export interface RouteShape {
  readonly method: string;
  readonly path: string;
  /** The names of its body's fields. */
  readonly fields: readonly string[];
}

const services = join(import.meta.dirname, "../services");

/**
 * Every route of every service, and those of the app itself. They are data, so they can be listed without a server: a
 * service that is never called stands in for each that a list of routes is made from. A new file of routes is found.
 */
export async function readRouteTable(): Promise<RouteShape[]> {
  const files = globSync("*/*routes.ts", { cwd: services, exclude: ["**/operator-routes.ts"] }).sort();
  const modules = await Promise.all(files.map((file) => import(join(services, file)) as Promise<object>));
  const lists = modules.flatMap((module) => Object.entries(module).filter(([name]) => name.endsWith("Routes")));
  const routes = lists.flatMap(([, list]) => (list as (...parts: unknown[]) => Route[])(anything, anything, anything));
  const own = ["/healthz", "/readyz", "/api/openapi.json"].map((path) => ({ method: "GET", path, fields: [] }));
  const shapes = [...routes.map(({ method, path, body }) => ({ method, path, fields: fieldsOf(body) })), ...own];
  // A list of routes may be made of others.
  return [...new Map(shapes.map((shape) => [`${shape.method} ${shape.path}`, shape])).values()];
}

function fieldsOf(body: unknown): string[] {
  const isObject = typeof body === "object" && body !== null && "shape" in body;
  return isObject ? Object.keys(body.shape as object) : [];
}

/** Stands in for any service: each of its properties, and what each of them returns, is itself again. */
const anything: unknown = new Proxy(() => anything, { get: () => anything });
