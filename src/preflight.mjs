// Runs before anything else, on any Node, so it is plain JavaScript: `node --import ./src/preflight.mjs src/main.ts`.
const NEEDED = 24;
const found = Number(process.versions.node.split(".")[0]);

if (found < NEEDED) {
  console.error(`Umpire needs Node ${NEEDED} or newer, and this is ${process.version} (${process.execPath}).
On Linux \`npm ci\` brings its own Node ${NEEDED}, which npm scripts and npx find first:
  npm ci && npm start          or, for one file:   npx node src/main.ts
Elsewhere install Node ${NEEDED} from https://nodejs.org and try again.`);
  process.exit(1);
}
