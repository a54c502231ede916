// Runs before anything else, on any Node, so it is plain JavaScript: `node --import ./src/preflight.mjs src/main.ts`.
import * as modules from "node:module";

const NEEDED = 24;
const found = Number(process.versions.node.split(".")[0]);

if (found < NEEDED) {
  console.error(`Umpire needs Node ${NEEDED} or newer, and this is ${process.version} (${process.execPath}).
On Linux \`npm ci\` brings its own Node ${NEEDED}, which npm scripts and npx find first:
  npm ci && npm start          or, for one file:   npx node src/main.ts
Elsewhere install Node ${NEEDED} from https://nodejs.org and try again.`);
  process.exit(1);
}

// The package.json of drizzle-orm has 180 KB, and Node parses it again for each of the package's hundred modules and for
// each import of the package: without this, a third of the time that a start takes to load its code.
const DRIZZLE = "/node_modules/drizzle-orm/";
const entries = new Map();

modules.registerHooks({
  resolve(specifier, context, next) {
    if (/^\.+\/.*\.js$/.test(specifier) && context.parentURL?.includes(DRIZZLE)) {
      return { url: new URL(specifier, context.parentURL).href, format: "module", shortCircuit: true };
    }
    if (!specifier.startsWith("drizzle-orm") || !context.conditions.includes("import")) return next(specifier, context);
    const entry = entries.get(specifier) ?? { ...next(specifier, context), shortCircuit: true };
    entries.set(specifier, entry);
    return entry;
  },
});
