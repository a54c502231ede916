import { expect, test } from "vitest";
import { z } from "zod";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { indexOf, kindOf, type Matchmaking, serverValues, stageAfter, wantedAt } from "./matchmaking.ts";
import { kind as kindOfPlayer, region, version } from "./server-filters.ts";
import { createWaitingRoom, WAITING_MAX } from "./waiting-room.ts";

const filters = () => z.strictObject({ mode: z.enum(["ffa", "duel"]).default("ffa") });
const read = (declared: Partial<Matchmaking>) => kindOf("duel", { filters, ...declared }, { region: "moon", seats: 4 });
const asking = { accountId: "acc_1" as AccountId, kind: "guest", region: "moon", services: {} as never } as const;

test("[FIND1] S23: what a line of the table of rooms cannot mean is refused before the process starts", () => {
  const level = () => 1;
  const refused: [problem: RegExp, declared: Partial<Matchmaking>][] = [
    [/mode is the server's to say/, { server: { mode: () => "ffa" } }],
    [/private is a word/, { server: { private: () => true } }],
    [/invitation is a word/, { server: { invitation: () => "x" } }],
    [/password is a word/, { filters: () => z.strictObject({ password: z.string().max(9).default("") }) }],
    [/level is not one of its filters/, { near: { level: 5 } }],
    [/mode is in near and has to be a whole number/, { near: { mode: 5 } }],
    [/level needs a width/, { server: { level }, near: { level: -1 } }],
    [/level needs a width/, { server: { level }, near: { level: Number.POSITIVE_INFINITY } }],
    [/level is widened, and is not in near/, { server: { level }, wider: [{ afterSeconds: 1, near: { level: 5 } }] }],
    [/speed is not one of its filters/, { wider: [{ afterSeconds: 1, without: ["speed"] }] }],
    [/the seconds of wider have to rise/, { wider: [{ afterSeconds: 0, without: ["mode"] }] }],
    [/nobody waits longer than 15 seconds/, { wider: [{ afterSeconds: 16, without: ["mode"] }] }],
    [/at most 16 fields/, { lobby: Array.from({ length: 17 }, (_, field) => `field-${field}`) }],
  ];
  for (const [problem, declared] of refused) expect(() => read(declared)).toThrow(problem);
  expect(() => read(refused[4]?.[1] ?? {})).toThrow(/The matchmaking of the room "duel"/);
});

test("[FIND1] each step of wider adds to those before it, and the directory enters rooms by what may be left out", async () => {
  const kind = read({
    server: { region, version, level: () => 30 },
    near: { level: 5 },
    order: "newest",
    wider: [
      { afterSeconds: 1, near: { level: 20 } },
      { afterSeconds: 2, without: ["region"] },
      { afterSeconds: 4, without: ["level", "mode"] },
    ],
  });
  expect(indexOf(kind)).toEqual({
    filters: ["mode", "region", "version"],
    ranges: ["level"],
    wider: [["region"], ["mode", "region"]],
  });
  const values = { mode: "duel", ...(await serverValues(kind, asking)) };
  expect(values).toEqual({ mode: "duel", region: "moon", version: 1, level: 30 });
  const equal = { mode: "duel", region: "moon", version: 1 };
  const common = { name: "duel", order: "newest", filters: equal };
  const at = (elapsedMs: number) => wantedAt(kind, stageAfter(kind, elapsedMs), values);
  expect(at(0)).toEqual({ ...common, ranges: { level: [25, 35] }, without: [] });
  expect(at(999)).toEqual(at(0));
  expect(at(1000)).toEqual({ ...common, ranges: { level: [10, 50] }, without: [] });
  expect(at(2500)).toEqual({ ...common, ranges: { level: [10, 50] }, without: [["region"]] });
  expect(at(60_000)).toEqual({ ...common, ranges: {}, without: [["region"], ["mode", "region"]] });
});

test("[FIND2] S23: what the server says of a player is a number, a truth value or a short text, or the join fails", async () => {
  expect(await serverValues(read({ server: { kind: kindOfPlayer, is: () => true } }), asking)).toEqual({
    kind: "guest",
    is: true,
  });
  for (const said of ["x".repeat(65), Number.NaN, undefined, null, {}, ["a"]]) {
    await expect(serverValues(read({ server: { clan: () => said as never } }), asking)).rejects.toThrow(/clan of duel/);
  }
  const near = { server: { level: () => "30" }, near: { level: 5 } };
  await expect(serverValues(read(near), asking)).rejects.toThrow(/level of duel/);
});

test("[FIND6] no more than five hundred wait at once, and one who hangs up waits no more", async () => {
  const clock = new TestClock();
  const waitingRoom = createWaitingRoom(clock);
  const leaves = Array.from({ length: WAITING_MAX }, () => waitingRoom.enter());
  expect(leaves).not.toContain(null);
  expect(waitingRoom.enter()).toBeNull();
  leaves[0]?.();
  expect(waitingRoom.enter()).not.toBeNull();
  const hangUp = new AbortController();
  const paused = waitingRoom.pause(hangUp.signal);
  hangUp.abort();
  await expect(paused).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(waitingRoom.pause(hangUp.signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const other = waitingRoom.pause(new AbortController().signal);
  clock.advance(500);
  await other;
});
