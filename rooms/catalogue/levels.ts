/** How much XP a level takes: `base` for the second level and `growth` more for each one after, up to `max` levels. */
export const levels = { base: 100, growth: 50, max: 100 } as const;
