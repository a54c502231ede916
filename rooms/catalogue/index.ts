import { levels } from "./levels.ts";

/** The game's data, validated as a whole when the server starts. */
export const catalogue = { levels };
