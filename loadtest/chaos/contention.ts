import { PRICE } from "../../src/testing/stacks/economy-content.ts";
import { aLabel, type CellParts, type ChaosRow } from "./economy.ts";
import { countParts, isFaultless, judge } from "./judge.ts";
import { answerText, aRecord, ask, prepare } from "./writers.ts";

/** The same key so many times at once, and the key with another body (T9). */
export async function sameKey({ world, verb, actors }: CellParts, { times }: { times: number }): Promise<ChaosRow> {
  const [actor, other] = actors;
  if (actor === undefined || other === undefined) throw new Error("two actors are needed");
  const record = aRecord(`${verb.prefix ?? ""}same-${aLabel()}`, actor, other);
  await prepare(world, verb, record);
  const replies = await Promise.all(Array.from({ length: times }, () => ask(world, verb, record)));
  const answers = new Set(replies.map((reply) => answerText(reply?.body)));
  const answered = replies.find((reply) => reply?.status === 200);
  record.answer = answerText(answered?.body);
  const verdict = await judge(world, verb, [record]);
  const body = verb.otherBody?.(record.key, actor, other);
  const conflict = body === undefined ? null : await ask(world, verb, record, body);
  const isConflictRight = body === undefined || conflict?.status === 409;
  return {
    id: `T9/${verb.name}`,
    fault: `same key x${times} at once${body === undefined ? "" : "; then with another body"}`,
    ...verdict,
    ok: isFaultless(verdict) && answers.size === 1 && answered !== undefined && isConflictRight,
    measured: {
      asked: times,
      differentAnswers: answers.size,
      ...(body !== undefined && { conflictStatus: conflict?.status ?? 0 }),
    },
  };
}

const AFFORDED = 7;

/** So many keys at once with money for exactly seven (T9). */
export async function moneyForSeven({ world, verb }: CellParts, { times }: { times: number }): Promise<ChaosRow> {
  const [actor, other] = await world.actors(2, AFFORDED * PRICE);
  if (actor === undefined || other === undefined) throw new Error("two actors are needed");
  const label = aLabel();
  const records = Array.from({ length: times }, (_, number) => aRecord(`seven-${label}-${number}`, actor, other));
  const replies = await Promise.all(records.map((record) => ask(world, verb, record)));
  const bought = records.filter((record, index) => {
    const reply = replies[index];
    if (reply?.status === 200) record.answer = answerText(reply.body);
    return reply?.status === 200;
  });
  const refused = replies.filter((reply) => reply?.status === 409).length;
  const verdict = await judge(world, verb, bought);
  const effects = (await countParts(world, verb, records)).size;
  const [row] = await world.sql<{ balance: bigint }[]>`
    select balance from umpire.wallet_balances where account_id = ${actor.accountId} and currency = 'gold'`;
  const balance = Number(row?.balance);
  const isExact = bought.length === AFFORDED && refused === times - AFFORDED && effects === AFFORDED && balance === 0;
  return {
    id: `T9/${verb.name}`,
    fault: `${times} different keys at once, money for ${AFFORDED}`,
    ...verdict,
    ok: isFaultless(verdict) && isExact,
    measured: { bought: bought.length, refused, effects, balance },
  };
}
