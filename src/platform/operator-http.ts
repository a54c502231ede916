import type { IncomingHttpHeaders } from "node:http";
import { z } from "zod";
import type { ErrorCode } from "../../schema/errors/codes.ts";
import type { OperatorId } from "../../schema/ids.ts";
import type { Tx } from "./database.ts";
import { AppError } from "./errors.ts";
import {
  type CallContext,
  createDoors,
  type HttpPorts,
  type RouteContext,
  type RouteShape,
  type Routes,
} from "./http.ts";
import { idempotencyKey, type Keyed } from "./idempotency.ts";
import type { Limit } from "./rate-limit.ts";

export type OperatorRole = "support" | "economy" | "admin";

/** Who may call a route: everybody at the private listener, every operator, or those of one role and the admins. */
export type OperatorRule = "anyone" | "operator" | OperatorRole;

/** Support and economy are apart: whoever answers players moves no money, and the other way round. Admins may do both. */
function mayCall(role: OperatorRole, rule: OperatorRule): boolean {
  return rule === "anyone" || rule === "operator" || role === "admin" || role === rule;
}

/** Which operator asks. Never read from a body. */
export interface OperatorPrincipal {
  readonly operatorId: OperatorId;
  readonly name: string;
  readonly role: OperatorRole;
  readonly sessionId: string;
}

/** `shell` is whoever may run commands on the server's machine. */
export type Actor = OperatorId | "shell";

/** Facts for the audit log: ids, counts, codes. Never a name, an address or another's words: they could not be erased. */
export type DeedDetails = Readonly<Record<string, string | number | boolean | null>>;

/** What was done, told by whoever did it. */
export interface Act<Reply> {
  /** A feature and what was done: `accounts.ban`. */
  readonly action: string;
  /** What it was done to, by its id. */
  readonly subject: string;
  readonly details?: DeedDetails | undefined;
  /** Kept with the key of the request, so it names no account. */
  readonly reply: Reply;
  /** What has to follow once it is committed, such as closing sockets. It is not done for a repeated key. */
  readonly afterCommit?: (() => void) | undefined;
}

export interface By {
  readonly actor: Actor;
  /** 1 to 1000 characters. */
  readonly reason: string;
  /** Null where nobody can ask twice. */
  readonly keyed: Keyed | null;
}

/** Does something and writes it into the audit log, in one transaction. */
export type Perform = <Answer>(by: By, deed: (tx: Tx) => Promise<Act<Answer>>) => Promise<Answer>;

export interface OperatorRoute extends RouteShape {
  readonly operator: OperatorRule;
  /** An act changes something: it wants a reason and a key, and is written down. */
  readonly kind: "read" | "act" | "entrance";
  readonly run: (call: OperatorCall, ports: Pick<OperatorPorts, "perform">) => Promise<unknown>;
}

export interface OperatorPorts extends Pick<HttpPorts, "rateLimit" | "translate" | "metrics"> {
  readonly operatorOf: (headers: IncomingHttpHeaders) => Promise<OperatorPrincipal | null>;
  readonly perform: Perform;
}

type OperatorContext<Body, Query> = RouteContext<Body, Query, OperatorPrincipal>;
type OperatorCall = CallContext & { readonly principal: OperatorPrincipal | null };

interface ReadSpec<Query, Reply> {
  readonly path: `/operator/${string}`;
  readonly operator: Exclude<OperatorRule, "anyone">;
  readonly query?: z.ZodType<Query>;
  readonly reply: z.ZodType<Reply>;
  readonly limit?: Limit;
  readonly errors?: readonly ErrorCode[];
}

interface ActSpec<Shape extends z.core.$ZodShape, Reply> extends Omit<ReadSpec<never, Reply>, "query"> {
  /** Without `reason` and `key`, which every act takes. */
  readonly body: z.ZodObject<Shape, z.core.$strict>;
}

interface Acted<Shape extends z.core.$ZodShape>
  extends OperatorContext<z.output<z.ZodObject<Shape, z.core.$strict>>, undefined> {
  readonly reason: string;
  /** The caller's, for what the act leaves elsewhere. */
  readonly key: string;
}

/** Enough for a person, and for a page that looks every few seconds. */
const LIMIT: Limit = { count: 300, perSeconds: 60 };
const REASON_CHARS_MAX = 500;

/** Words that the database can keep, as text and within JSON; whatever else is sent is a mistake of its sender. */
export function storableText(charsMax: number) {
  return z
    .string()
    .trim()
    .min(1)
    .max(charsMax)
    .refine((text) => text.isWellFormed() && !text.includes("\0"), "plain text");
}

const actFields = {
  reason: storableText(REASON_CHARS_MAX),
  key: idempotencyKey,
};

/** A route that shows something and changes nothing. */
export function operatorRead<Reply, Query = undefined>(
  spec: ReadSpec<Query, Reply>,
  handle: (context: OperatorContext<undefined, Query>) => Promise<NoInfer<Reply>>,
): OperatorRoute {
  return { limit: LIMIT, ...spec, method: "GET", kind: "read", run: (call) => handle(call as never) };
}

/**
 * A route that changes something. `perform` is one verb of a service, within the transaction that also writes the audit
 * log; the same key does it once.
 */
export function operatorAct<Shape extends z.core.$ZodShape, Reply>(
  spec: ActSpec<Shape, Reply>,
  perform: (tx: Tx, context: Acted<Shape>) => Promise<Act<NoInfer<Reply>>>,
): OperatorRoute {
  const body = z.strictObject({ ...spec.body.shape, ...actFields });
  return {
    limit: LIMIT,
    ...spec,
    errors: [...(spec.errors ?? []), "IDEMPOTENCY_CONFLICT"],
    body,
    method: "POST",
    kind: "act",
    run(call, ports) {
      const { operatorId } = call.principal as OperatorPrincipal;
      const { reason, key, ...asked } = call.body as z.output<typeof body> & { reason: string; key: string };
      const request = { params: call.params, asked, reason } as Keyed["request"];
      const keyed = { scope: `operator:${operatorId}`, key, verb: `POST ${spec.path}`, request };
      return ports.perform({ actor: operatorId, reason, keyed }, (tx) =>
        perform(tx, { ...call, body: asked, reason, key } as never),
      );
    },
  };
}

interface EntranceSpec<Body, Reply> {
  readonly path: `/operator/${string}`;
  readonly operator: "anyone" | "operator";
  readonly body?: z.ZodType<Body>;
  readonly reply: z.ZodType<Reply>;
  readonly limit: Limit;
  readonly errors?: readonly ErrorCode[];
}

/** Signing in and out, which are about the caller alone. */
export function operatorEntrance<Reply, Body = undefined>(
  spec: EntranceSpec<Body, Reply>,
  handle: (context: RouteContext<Body, undefined, OperatorPrincipal | null>) => Promise<NoInfer<Reply>>,
): OperatorRoute {
  return { ...spec, method: "POST", kind: "entrance", run: (call) => handle(call as never) };
}

/** The routes for operators. Whoever may not call one learns so before anything else of the call is read. */
export function createOperatorRoutes(routes: readonly OperatorRoute[], ports: OperatorPorts): Routes {
  return createDoors(routes, ports, async (spec, name, { headers }) => {
    const principal = await ports.operatorOf(headers);
    if (principal !== null) await ports.rateLimit.take(name, spec.limit, principal.operatorId);
    if (spec.operator !== "anyone") {
      if (principal === null) throw new AppError("UNAUTHENTICATED");
      if (!mayCall(principal.role, spec.operator)) throw new AppError("OPERATORS_FORBIDDEN");
    }
    return (context) => spec.run({ ...context, principal }, ports);
  });
}
