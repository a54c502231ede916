import { registerHooks } from "node:module";

/**
 * The `postgres` driver with its defects cured, and the parts of Drizzle that stand on it. Every other file takes
 * them from here. Version 3.4.9 is the newest there is, and as published it is not fit for money:
 *
 * - a connection lost inside a transaction ends the *process* (a write to a null socket, thrown from an immediate);
 * - a transaction whose connection was replaced goes on, and commits, inside whatever runs on the new connection;
 * - a BEGIN sent while the socket is congested opens a transaction that nobody owns and everybody writes into;
 * - a connection that breaks in an unlucky moment never works again, or answers with the old server's last error;
 * - a COPY to a reader that is slow at its end, or from a writer whose rows are refused, holds the connection for ever.
 *
 * The cures are those of the project's open pull requests (porsager/postgres #1155, #1209, #1215 and issue #1189).
 * The source is changed as it is loaded, so that no install script is needed. If the published text ever differs, this
 * file refuses to load: then the driver was upgraded, and `database.test.ts` says which cures are still needed.
 */
interface Cure {
  file: "connection.js" | "index.js";
  find: string;
  replace: string;
}

const CURES: Cure[] = [
  {
    // BEGIN always reserves its connection, also when the socket or the pipeline is full at that moment.
    file: "connection.js",
    find: `      return write(toBuffer(q))
        && !q.describeFirst
        && !q.cursorFn
        && sent.length < max_pipeline
        && (!q.options.onexecute || q.options.onexecute(connection))`,
    replace: `      const ready = write(toBuffer(q))
        && !q.describeFirst
        && !q.cursorFn
        && sent.length < max_pipeline
      return q.options.onexecute ? q.options.onexecute(connection) : ready`,
  },
  {
    // What a broken connection leaves behind (bytes not yet written, the query in flight, the server's last words)
    // must not reach the connection that takes its place. Whoever waits is told, also after an error event, and also one
    // who waits for the connection to be made: a server that closes it each time was asked again and again, for ever.
    file: "connection.js",
    find: `    if (initial)
      return reconnect()

    !hadError && (query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))
`,
    replace: `    nextWriteTimer = chunk = null
    const tryNextHost = initial && options.host.length > 1
    ;(query || sent.length || initial) && !tryNextHost && error(Errors.connection('CONNECTION_CLOSED', options, socket))
    query = results = errorResponse = stream = final = null
    result = new Result()
    if (tryNextHost)
      return reconnect()

`,
  },
  {
    // A connection lost while the driver reads the types of arrays is told to the query that waits for it, not to nobody.
    file: "connection.js",
    find: `        return fetchArrayTypes()
`,
    replace: `        return fetchArrayTypes().catch(noop)
`,
  },
  {
    // A transaction whose connection is lost is over: what it had queued is refused, and so is all that it asks later.
    file: "index.js",
    find: `        new Promise((_, reject) => connection.onclose = reject)`,
    replace: `        new Promise((_, reject) => connection.onclose = e => {
          lost = e
          while (queries.length)
            queries.shift().reject(e)
          reject(e)
        })`,
  },
  {
    // Rows that end while their reader is behind leave the socket paused, and nobody asks for more of a stream that has ended.
    file: "connection.js",
    find: `  function CopyDone() {
    stream && stream.push(null)
    stream = null
`,
    replace: `  function CopyDone() {
    stream && stream.push(null)
    stream = null
    socket.resume()
`,
  },
  {
    // A COPY that Postgres refuses at its end is told to whoever writes into it.
    file: "connection.js",
    find: `    stream && (stream.destroy(err), stream = null)
    query && queryError(query, err)
`,
    replace: `    stream && (stream.destroy(err), stream = null)
    final && (final(err), final = null)
    query && queryError(query, err)
`,
  },
  {
    file: "index.js",
    find: `        q.catch(e => uncaughtError || (uncaughtError = e))
        c.queue === full`,
    replace: `        q.catch(e => uncaughtError || (uncaughtError = e))
        lost
          ? q.reject(lost)
          : c.queue === full`,
  },
  {
    file: "index.js",
    find: `    let savepoints = 0
      , connection
`,
    replace: `    let savepoints = 0
      , lost = null
      , connection
`,
  },
];

const cured = new Set<string>();
const hooks = registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const file = /\/postgres\/src\/(connection|index)\.js$/.exec(url)?.[1];
    return file === undefined ? loaded : { ...loaded, source: cure(`${file}.js`, String(loaded.source)) };
  },
});

const driver = await import("postgres");
const drizzleDriver = await import("drizzle-orm/postgres-js");
const drizzleMigrator = await import("drizzle-orm/postgres-js/migrator");
hooks.deregister();
if (cured.size !== new Set(CURES.map(({ file }) => file)).size) {
  throw new Error("the postgres driver was loaded before its cures: import it from platform/postgres-driver.ts only");
}

export const postgres = driver.default;
export const drizzle = drizzleDriver.drizzle;
export const runMigrations = drizzleMigrator.migrate;

function cure(file: string, published: string): string {
  let source = published;
  for (const { find, replace } of CURES.filter((one) => one.file === file)) {
    if (source.split(find).length !== 2) {
      throw new Error(
        `postgres/src/${file} is not the text that platform/postgres-driver.ts cures: is it version 3.4.9?`,
      );
    }
    source = source.replace(find, () => replace);
  }
  cured.add(file);
  return source;
}
