import { expect, test } from "vitest";
import { z } from "zod";
import { checkFilters } from "./filters.ts";

test("[DOOR15] S23: a room's filters are refused at start unless each is bounded, has a default and a name of its own", () => {
  const refused: [problem: RegExp, filters: z.ZodObject<z.ZodRawShape>][] = [
    [/lane needs/, z.strictObject({ lane: z.string().default("a") })],
    [/lane needs/, z.strictObject({ lane: z.string().max(65).default("a") })],
    [/lane needs/, z.strictObject({ lane: z.union([z.enum(["a"]), z.string()]).default("a") })],
    [/size needs/, z.strictObject({ size: z.number().default(1) })],
    [/size needs/, z.strictObject({ size: z.number().min(0).max(1).default(1) })],
    [/size needs/, z.strictObject({ size: z.number().int().default(1) })],
    [/tags needs/, z.strictObject({ tags: z.array(z.string().max(3)).default([]) })],
    [/deep needs/, z.strictObject({ deep: z.strictObject({}).default({}) })],
    [/any needs/, z.strictObject({ any: z.any().default(1) })],
    [/private is a word/, z.strictObject({ private: z.boolean().default(false) })],
    [/locked is a word/, z.strictObject({ locked: z.boolean().default(false) })],
    [/maxClients is a word/, z.strictObject({ maxClients: z.literal(4).default(4) })],
    [/metadata is a word/, z.strictObject({ metadata: z.enum(["a"]).default("a") })],
    [/constructor is a word/, z.strictObject({ constructor: z.enum(["a"]).default("a") })],
    [/default/, z.strictObject({ mode: z.enum(["a"]) })],
    [/strictObject/, z.object({ mode: z.enum(["a"]).default("a") }) as never],
    [/strictObject/, z.looseObject({ mode: z.enum(["a"]).default("a") }) as never],
  ];
  for (const [problem, filters] of refused) expect(() => checkFilters("duel", filters)).toThrow(problem);
  expect(() => checkFilters("duel", refused[0]?.[1] as never)).toThrow(/The filters of the room "duel"/);
});

test("[DOOR15] S23: enums, literals, truth values, ranges and short texts are what a filter may be", () => {
  const filters = z.strictObject({
    mode: z.enum(["ffa", "duel"]).default("ffa"),
    region: z.literal("moon").default("moon"),
    lane: z.string().max(64).default(""),
    size: z.number().int().min(1).max(100).default(2),
    isRanked: z.boolean().default(false),
    party: z.union([z.literal(2), z.literal(4)]).default(2),
    invited: z.enum(["a"]).nullable().default(null),
  });
  expect(checkFilters("duel", filters)).toBe(filters);
});
