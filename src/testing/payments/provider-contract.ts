import { expect, test } from "vitest";
import { isEntitled as isEntitledBy, mergeTruth } from "../../services/payments/truth.ts";
import { permutations, type Stage } from "./stage.ts";
import type { PaymentsWorld } from "./world.ts";

/** How many permutations are under way at a time. */
const AT_ONCE = 8;

/** What every provider keeps to, whatever its protocol. Call it at the top of a file, with its stage. */
export function describeProvider(stage: Stage, world: PaymentsWorld): void {
  describeLives(stage, world);
  describeRefusals(stage, world);
}

function describeLives(stage: Stage, world: PaymentsWorld): void {
  const { provider, lives } = stage;
  const name = provider.name;
  const ended = (isEntitled: boolean) => ({
    state: isEntitled ? "delivered" : "withdrawn",
    delivered: isEntitled,
    held: isEntitled ? 1 : 0,
  });

  test(`[PAYMENTS1] T10: ${name}: all 120 orders of a payment's life end in the same state`, async () => {
    const queue = permutations([0, 1, 2, 3, 4]);
    const walk = async () => {
      for (let order = queue.pop(); order !== undefined; order = queue.pop()) {
        const bought = await world.anOrder(provider);
        const { webhooks, isEntitled, name: title } = lives[0](bought.placed);
        expect(webhooks).toHaveLength(5);
        for (const index of order) {
          const webhook = webhooks[index];
          if (webhook !== undefined) expect(await world.tell(provider, webhook)).toBe("applied");
        }
        expect([title, order, await world.ending(bought)]).toEqual([title, order, ended(isEntitled)]);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, walk));
    await world.expectBooksToAgree();
  }, 60_000);

  test(`[PAYMENTS1] T10: ${name}: every order and a repeat of any other life come to the same truth`, async () => {
    for (const life of lives) {
      const { placed } = await world.anOrder(provider);
      const { webhooks, isEntitled, name: title } = life(placed);
      const told = await Promise.all(webhooks.map(({ rawBody }) => provider.read(rawBody)));
      for (const order of permutations(told)) {
        const facts = [...order, ...order.slice(0, 2)].flat();
        const truth = facts.reduce((known, { claims }) => mergeTruth(known, claims), {});
        expect([title, isEntitled]).toEqual([title, isEntitledBy(truth)]);
      }
    }
  });

  test.each(lives.map((life, index) => ({ index, life })))(
    `[PAYMENTS2] T10: ${name}: each event of life $index ten times at once ends in the same state`,
    async ({ life }) => {
      const bought = await world.anOrder(provider);
      const { webhooks, isEntitled } = life(bought.placed);
      const all = Array.from({ length: 10 }, (_, turn) => (turn % 2 === 0 ? webhooks : webhooks.toReversed())).flat();
      await Promise.all(all.map((webhook) => world.tell(provider, webhook)));
      expect(await world.ending(bought)).toEqual(ended(isEntitled));
      await world.expectBooksToAgree();
    },
  );
}

function describeRefusals(stage: Stage, world: PaymentsWorld): void {
  const { provider } = stage;
  const name = provider.name;

  test(`[PAYMENTS3] S26: ${name}: what does not verify is refused and stored nowhere`, async () => {
    const bought = await world.anOrder(provider);
    const forgeries = Object.entries(stage.forgeries(stage.paid(bought.placed)));
    expect(forgeries.length).toBeGreaterThan(3);
    const count = async () => (await world.sql`select 1 from umpire.payment_events`).length;
    const before = await count();
    for (const [kind, forged] of forgeries) {
      const outcome = await world.tell(provider, forged).catch((thrown: { code?: string }) => thrown.code ?? thrown);
      expect([kind, outcome]).toEqual([kind, "PAYMENTS_WEBHOOK_REFUSED"]);
    }
    expect(await count()).toBe(before);
    expect(await world.ending(bought)).toMatchObject({ state: "open", held: 0 });
  });

  test(`[PAYMENTS4] S26: ${name}: a message that comes again is stored once and delivers once`, async () => {
    const bought = await world.anOrder(provider);
    const webhook = stage.paid(bought.placed);
    for (let turn = 0; turn < 3; turn++) await world.tell(provider, webhook);
    expect(await world.ending(bought)).toEqual({ state: "delivered", delivered: true, held: 1 });
    const raw = webhook.rawBody;
    expect(await world.sql`select 1 from umpire.payment_events where raw_body = ${raw}`).toHaveLength(1);
  });

  test(`[PAYMENTS5] T10: ${name}: what cannot be understood becomes a dead letter with an alarm, and gives nothing`, async () => {
    const bought = await world.anOrder(provider);
    const letters = Object.entries(stage.deadLetters(bought.placed));
    expect(letters.length).toBeGreaterThan(0);
    for (const [kind, webhook] of letters) {
      const [alarms, metered] = [world.logged.length, world.deadLetters.length];
      expect([kind, await world.tell(provider, webhook)]).toEqual([kind, "dead"]);
      expect(world.logged.slice(alarms)).toMatchObject([{ level: "error", msg: "payments.dead_letter" }]);
      expect(world.deadLetters.length).toBe(metered + 1);
    }
    expect(await world.ending(bought)).toMatchObject({ state: "open", held: 0 });
  });
}
