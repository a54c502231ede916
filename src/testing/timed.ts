/**
 * For a test that asks for a time in milliseconds: a machine that does other things at that moment only ever adds to
 * it, so it is looked at up to three times, and the report says when it was. Never for what is right or wrong whatever
 * the time: there a second look would hide a race.
 */
export const TIMED = { retry: 2 };
