import { z } from "zod";

/** The largest amount that anything may be given, taken or cost at once. */
export const AMOUNT_MAX = 1_000_000_000;
const ENTRIES_MAX = 10_000;

/** How content is called: `gold`, `red-skin`. Never an id of a player's thing. */
export const contentKey = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);
const amount = z.number().int().min(1).max(AMOUNT_MAX);
const title = z.string().min(1).max(80);
const amounts = z.record(contentKey, amount).default({});

/** What is given or taken together: so many of each item, so much of each currency. */
export const bundle = z.strictObject({ items: amounts, currencies: amounts });
export type Bundle = Readonly<z.infer<typeof bundle>>;

const levels = z.strictObject({
  /** XP from level 1 to level 2. */
  base: z.number().int().min(1).max(1_000_000),
  /** How much more each further level takes than the one before. */
  growth: z.number().int().min(0).max(1_000_000),
  /** The last level. */
  max: z.number().int().min(1).max(1000),
});
export type LevelCurve = Readonly<z.infer<typeof levels>>;

const currency = z.strictObject({
  title,
  /** A player never has more; what comes in beyond it is lost to the book `overflow`. */
  max: amount.optional(),
});

const item = z.strictObject({
  title,
  /** `stack`: only the number counts. `unique`: each has an id and a history. */
  kind: z.enum(["stack", "unique"]),
  tradable: z.boolean().default(false),
  /** Where it is worn; such an item is unique. */
  slot: contentKey.optional(),
  /** Of a unique item: it is gone after this. */
  expiresAfterDays: z.number().int().min(1).max(3650).optional(),
  /** Of a stack: a player never has more, and what would go beyond is refused. */
  max: amount.optional(),
});

const recipe = z.strictObject({ title, takes: bundle, gives: bundle });

const loot = z.strictObject({
  rolls: z.number().int().min(1).max(100),
  entries: z
    .array(z.strictObject({ weight: z.number().int().min(1).max(1_000_000), gives: bundle }))
    .min(1)
    .max(100),
  /** After so many rolls without the entry at this index, the next roll gives it. */
  pity: z.strictObject({ after: z.number().int().min(1).max(1000), entry: z.number().int().min(0).max(99) }).optional(),
});

/** In the money's smallest unit: 499 is 4.99 EUR. */
const money = z.strictObject({ currency: z.string().regex(/^[A-Z]{3}$/), amount });
const instant = z.iso.datetime();

const offer = z.strictObject({
  title,
  gives: bundle,
  price: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("currency"), currency: contentKey, amount }),
    z.strictObject({
      kind: z.literal("money"),
      money,
      /** By region of the server, instead of `money`. */
      regional: z.record(z.string().max(32), money).default({}),
      /** What the shops of Apple and Google call it. */
      products: z
        .strictObject({ apple: z.string().max(128).optional(), google: z.string().max(128).optional() })
        .default({}),
    }),
  ]),
  perPlayerMax: z.number().int().min(1).max(1_000_000).optional(),
  /** Only for whoever has never bought anything for money. */
  firstTimeOnly: z.boolean().default(false),
  from: instant.optional(),
  until: instant.optional(),
});

export type Offer = Readonly<z.infer<typeof offer>>;

/** `counter` adds up, `best` keeps the highest, `last` the latest, `once` the first. */
const stat = z.strictObject({ title, kind: z.enum(["counter", "best", "last", "once"]) });

const leaderboard = z.strictObject({
  title,
  stat: contentKey,
  score: z.enum(["best", "sum", "last"]),
  periods: z
    .array(z.enum(["daily", "weekly", "all"]))
    .min(1)
    .max(3),
});

const rewards = z.strictObject({
  /** What a finished match gives besides its XP, by placement from 1; the last entry holds for all behind it. */
  byPlacement: z.array(bundle).max(64).default([]),
});

const keyed = <T extends z.ZodType>(entry: T) =>
  z
    .record(contentKey, entry)
    .refine((entries) => Object.keys(entries).length <= ENTRIES_MAX, `at most ${ENTRIES_MAX} entries`)
    .default({});

/** All of a game's data, before it is known whether it holds together. */
export const contentShape = z.strictObject({
  levels,
  currencies: keyed(currency),
  items: keyed(item),
  recipes: keyed(recipe),
  loot: keyed(loot),
  offers: keyed(offer),
  stats: keyed(stat),
  leaderboards: keyed(leaderboard),
  /** By room name. */
  rewards: z.record(z.string().max(64), rewards).default({}),
});

export type Content = Readonly<z.infer<typeof contentShape>>;
/** As a studio writes it: what has a default may be left out. */
export type ContentSource = z.input<typeof contentShape>;

/** The entry of a part of the content, or undefined: `constructor` may be a player's word, and every object has one. */
export function entryOf<Entry>(entries: Readonly<Record<string, Entry>>, key: string): Entry | undefined {
  return Object.hasOwn(entries, key) ? entries[key] : undefined;
}
