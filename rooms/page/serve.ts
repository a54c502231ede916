import { createHash } from "node:crypto";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join, relative } from "node:path";
import express from "express";
import { build, createServer, type ViteDevServer } from "vite";
import type { Pages } from "../../src/realtime/door/front-door.ts";

const ROOT = join(import.meta.dirname, "../..");
const CONFIG = join(ROOT, "vite.config.ts");
const DIST = join(ROOT, "dist");
const BUILT = join(DIST, "page");
/** In the built page: the hash of the sources it was built from. Its dot keeps it from being served. */
const STAMP = ".sources";
/** Whatever the page is made of. The lockfile stands for the packages in it. */
const SOURCES = ["rooms", "schema", "src/client", "vite.config.ts", "package-lock.json"];
/** Vite puts everything with a hash in its name here; such a file never changes. */
const HASHED = "/assets/";
const YEAR_SECONDS = 31_536_000;

/**
 * The page is made of its own files and talks to its own server, sockets included; everything else is forbidden, inline
 * scripts and styles above all. Pixi decodes images in workers that it makes from blobs.
 */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self' data: blob:",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

export interface PagesOptions {
  /** `built` serves dist/page and builds it first if it is missing or stale; `dev` compiles on request and reloads. */
  readonly mode: "built" | "dev";
  /** Where hot reload listens in `dev`. By default the server that the first request comes in on. */
  readonly http?: Server;
}

export interface ServedPages {
  readonly serve: Pages;
  stop(): Promise<void>;
}

/**
 * The game's web page as a request handler; what it does not have goes to `next`. Fails with one sentence, and the
 * compiler's words, when the page cannot be built.
 */
export function createPages({ mode, http }: PagesOptions): Promise<ServedPages> {
  return mode === "dev" ? Promise.resolve(developmentPages(http)) : builtPages();
}

async function builtPages(): Promise<ServedPages> {
  const sources = await hashSources();
  if (sources !== (await readStamp())) await buildPage(sources);
  const files = express.static(BUILT, {
    index: "index.html",
    redirect: false,
    setHeaders(response, path) {
      const isHashed = path.slice(BUILT.length).replaceAll("\\", "/").startsWith(HASHED);
      response.setHeader("cache-control", isHashed ? `public, max-age=${YEAR_SECONDS}, immutable` : "no-cache");
      response.setHeader("content-security-policy", SECURITY_POLICY);
    },
  });
  const app = express().disable("x-powered-by").use(files);
  return { serve: (request, response, next) => app(request as never, response as never, next), stop: async () => {} };
}

/** Builds beside the old page and swaps the two, so that a failed build, or a second process, leaves a whole page. */
async function buildPage(sources: string): Promise<void> {
  await mkdir(DIST, { recursive: true });
  const fresh = await mkdtemp(join(DIST, "page-"));
  try {
    await build({ configFile: CONFIG, logLevel: "silent", build: { outDir: fresh, emptyOutDir: true } });
    await writeFile(join(fresh, STAMP), sources);
    // A temporary folder is its maker's alone, but a server may run as somebody else.
    await chmod(fresh, 0o755);
    await rm(BUILT, { recursive: true, force: true });
    await rename(fresh, BUILT);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    // Another process may have been faster with the same page.
    if ((await readStamp()) === sources) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The page in rooms/page could not be built: ${reason}`, { cause });
  }
}

async function readStamp(): Promise<string | null> {
  try {
    await access(join(BUILT, "index.html"));
    return await readFile(join(BUILT, STAMP), "utf8");
  } catch {
    return null;
  }
}

/** One hash over names and contents: a time of change says nothing after a checkout or a copy into an image. */
async function hashSources(): Promise<string> {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const path of await filesIn(join(ROOT, source))) {
      hash
        .update(`${relative(ROOT, path)}\0`)
        .update(await readFile(path))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) return [path];
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"));
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

type IncomingSocket = IncomingMessage["socket"] & { readonly server?: Server };

/** Vite starts with the first request, because only then there is surely a server whose socket hot reload can share. */
function developmentPages(http: Server | undefined): ServedPages {
  let starting: Promise<ViteDevServer> | undefined;
  const start = (request: IncomingMessage): Promise<ViteDevServer> => {
    const server = http ?? (request.socket as IncomingSocket).server;
    return createServer({
      configFile: CONFIG,
      logLevel: "warn",
      server: { middlewareMode: true, hmr: server === undefined ? false : { server } },
    });
  };
  const answer = async (request: IncomingMessage, response: ServerResponse, next: Parameters<Pages>[2]) => {
    starting ??= start(request);
    const vite = await starting;
    vite.middlewares(request, response, next);
  };
  return {
    serve: (request, response, next) => void answer(request, response, next).catch(next),
    stop: async () => (await starting)?.close(),
  };
}
