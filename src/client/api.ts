import type { ApiRoute } from "../main.ts";
import type { Call, Http } from "./http.ts";

/** Every route of the server for players, by its name: `GET /api/progression/me`. */
export type ApiName = keyof Api;
/** What a route answers. Times are ISO 8601 in UTC. */
export type ApiReply<Name extends ApiName> = Api[Name]["reply"];

/**
 * Calls any route by its name, with what it takes and answers typed by the server's own table. `params` fill what follows
 * a colon in the name, `query` stands behind the question mark. Sessions are opened and ended by `accounts`, which keeps
 * their tokens.
 *
 * Fails like every call of this client.
 */
export type CallApi = <Name extends ApiName>(name: Name, ...given: Given<Name>) => Promise<ApiReply<Name>>;

export function createApi({ http }: { readonly http: Pick<Http, "call"> }): CallApi {
  return (name, ...[given = {}]) => {
    const { params = {}, query = {}, body } = given as Parts;
    const [method, template] = name.split(" ") as [Call["method"], string];
    const path = template.replace(/:(\w+)/g, (_, param: string) => encodeURIComponent(params[param] ?? ""));
    const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
    const end = search.size === 0 ? "" : `?${search}`;
    return http.call({ method, path: path + end, ...(body !== undefined && { body }) });
  };
}

interface Parts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: object;
}

type Types = { readonly body: unknown; readonly query: unknown; readonly reply: unknown };

/** A route whose name is not known to the compiler is left out: it would stand for every name. */
type Api = {
  [R in ApiRoute as string extends R["path"] ? never : `${R["method"]} ${R["path"]}`]: NonNullable<
    R["~types"]
  > extends infer T extends Types
    ? T
    : never;
};

type ParamOf<Path> = Path extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer More}`
    ? Name | ParamOf<More>
    : Rest
  : never;

/** Numbers are written out on their way. */
type QueryOf<Query> = { readonly [Name in keyof Query]: Query[Name] | number };

type Request<Name extends ApiName> = ([ParamOf<Name>] extends [never]
  ? { readonly params?: never }
  : { readonly params: Readonly<Record<ParamOf<Name>, string>> }) &
  (Api[Name]["query"] extends undefined
    ? { readonly query?: never }
    : { readonly query?: QueryOf<Api[Name]["query"]> }) &
  (Api[Name]["body"] extends undefined ? { readonly body?: never } : { readonly body: Api[Name]["body"] });

/** Whatever may be left out as a whole need not be given. */
type Given<Name extends ApiName> =
  Partial<Request<Name>> extends Request<Name> ? [given?: Request<Name>] : [given: Request<Name>];
