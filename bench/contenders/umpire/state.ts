import { type SchemaType, schema, t } from "@colyseus/schema";
import { QUANTIZED } from "../movement.ts";

export const Stick = schema({ dx: t.int8().default(0), dy: t.int8().default(0) }, "Stick");
export type Stick = SchemaType<typeof Stick>;

export const Player = schema({ x: t.quantized(QUANTIZED).default(0), y: t.quantized(QUANTIZED).default(0) }, "Player");

/** The step's count is the server's own here: the others send none either. */
export const World = schema({ tick: t.uint32().noSync().default(0), players: t.map(Player) }, "World");
export type World = SchemaType<typeof World>;
