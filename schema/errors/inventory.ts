import type { ErrorTable } from "./table.ts";

export const inventoryErrors = {
  INVENTORY_INSUFFICIENT: { status: 409, message: "There is not enough of this item." },
  INVENTORY_FULL: { status: 409, message: "There is no room for more of this item." },
  INVENTORY_EQUIPPED: { status: 409, message: "This item is being worn. Take it off first." },
  INVENTORY_EXPIRED: { status: 409, message: "This item has expired." },
  INVENTORY_BOUND: { status: 409, message: "This item stays with the one who got it." },
  INVENTORY_NOT_TRADABLE: { status: 409, message: "This item cannot be given to others." },
  INVENTORY_NOT_WEARABLE: { status: 409, message: "This item cannot be worn there." },
  INVENTORY_TO_SELF: { status: 409, message: "Nobody gives to oneself." },
  INVENTORY_QUANTITY_INVALID: { status: 400, message: "A quantity is a whole number from 1 to a billion." },
  INVENTORY_ITEM_UNKNOWN: { status: 404, message: "There is no such item." },
  INVENTORY_RECIPE_UNKNOWN: { status: 404, message: "There is no such recipe." },
  INVENTORY_LOOT_UNKNOWN: { status: 404, message: "There is no such loot table." },
  INVENTORY_LOADOUT_UNKNOWN: { status: 404, message: "There is no such loadout." },
  INVENTORY_LOADOUTS_FULL: { status: 409, message: "There is no room for another loadout." },
  INVENTORY_ACCOUNT_UNKNOWN: { status: 404, message: "There is no such account." },
} as const satisfies ErrorTable;
