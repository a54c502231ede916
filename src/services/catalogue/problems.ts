import type { Bundle, Content } from "../../../schema/content.ts";

/** Each is a row of its own. */
const UNIQUE_MAX = 1000;

/** Everything that refers to something that is not there, or could never work. Empty for content that holds together. */
export function contentProblems(content: Content): string[] {
  const problems: string[] = [];
  const bundleAt = (where: string, { items, currencies }: Bundle) => {
    for (const key of Object.keys(items)) if (!(key in content.items)) problems.push(`${where}: no item ${key}`);
    for (const key of Object.keys(currencies)) {
      if (!(key in content.currencies)) problems.push(`${where}: no currency ${key}`);
    }
    for (const [key, quantity] of Object.entries(items)) {
      if (content.items[key]?.kind === "unique" && quantity > UNIQUE_MAX) problems.push(`${where}: too many of ${key}`);
    }
    if (Object.keys(items).length + Object.keys(currencies).length === 0) problems.push(`${where}: nothing in it`);
  };
  for (const [key, { kind, slot, expiresAfterDays, max }] of Object.entries(content.items)) {
    if (kind === "stack" && (slot ?? expiresAfterDays) !== undefined)
      problems.push(`items.${key}: only a unique item is worn or expires`);
    if (kind === "unique" && max !== undefined) problems.push(`items.${key}: only a stack has a max`);
  }
  for (const [key, { takes, gives }] of Object.entries(content.recipes)) {
    bundleAt(`recipes.${key}.takes`, takes);
    bundleAt(`recipes.${key}.gives`, gives);
  }
  for (const [key, { entries, pity }] of Object.entries(content.loot)) {
    for (const [index, { gives }] of entries.entries()) bundleAt(`loot.${key}.entries.${index}`, gives);
    if (pity !== undefined && pity.entry >= entries.length) problems.push(`loot.${key}.pity: no entry ${pity.entry}`);
  }
  for (const [key, { gives, price, from, until }] of Object.entries(content.offers)) {
    bundleAt(`offers.${key}.gives`, gives);
    if (price.kind === "currency" && !(price.currency in content.currencies)) {
      problems.push(`offers.${key}.price: no currency ${price.currency}`);
    }
    if (from !== undefined && until !== undefined && from >= until)
      problems.push(`offers.${key}: it ends before it begins`);
  }
  for (const [key, { stat: of }] of Object.entries(content.leaderboards)) {
    if (!(of in content.stats)) problems.push(`leaderboards.${key}: no stat ${of}`);
  }
  for (const [room, { byPlacement }] of Object.entries(content.rewards)) {
    for (const [index, gives] of byPlacement.entries()) bundleAt(`rewards.${room}.${index + 1}`, gives);
  }
  return problems;
}
