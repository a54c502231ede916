import { createSystemClock } from "../../platform/clock.ts";
import { testDirectory } from "../../testing/directory-contract.ts";
import { createMemoryDirectory } from "./memory-directory.ts";

testDirectory("in memory", createMemoryDirectory({ clock: createSystemClock() }));
