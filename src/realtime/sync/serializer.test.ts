import { type Schema, type SchemaType, StateView, schema, t } from "@colyseus/schema";
import fc from "fast-check";
import { expect, test } from "vitest";
import { closeCodes } from "../../../schema/protocol.ts";
import { SlowPlayer } from "../../testing/slow-player.ts";
import { SyncStage } from "../../testing/sync-stage.ts";

const Item = schema({ count: t.uint16().default(1), label: t.string().optional() }, "SyncItem");
const ofBeast = () => ({
  x: t.int32().default(0),
  name: t.string().optional(),
  weapon: t.ref(Item).optional(),
  bag: t.array(Item),
  tags: t.array("string"),
});
const Beast = schema(ofBeast(), "SyncBeast");
const SECRET = 2;
const ShyBeast = schema({ ...ofBeast(), secret: t.uint16().default(7).view(SECRET) }, "SyncShyBeast");
const ofWorld = (Kind: typeof Beast) => ({
  tick: t.uint32().default(0),
  note: t.string().optional(),
  boss: t.ref(Kind).optional(),
  scores: t.map("int32"),
  marks: t.set("string"),
  path: t.array("int32"),
});
const Open = schema({ ...ofWorld(Beast), beasts: t.map(Beast) }, "SyncOpen");
/** Of its beasts one sees those that one's view shows. */
const Hidden = schema({ ...ofWorld(ShyBeast), beasts: t.map(ShyBeast).view() }, "SyncHidden");
type World = SchemaType<typeof Open> & Schema;
type Beast = SchemaType<typeof Beast>;

const anOpen = () => new Open() as World;
const aHidden = () => new Hidden() as unknown as World;

const at = <T>(list: readonly T[], index: number) => list[index % list.length];
const oneIn3 = <T>(what: number, value: () => T) => (what % 3 === 0 ? undefined : value());
const anItem = (count: number) => new Item().assign({ count, label: oneIn3(count, () => "shiny") });

function aBeast(world: World, what: number): Beast {
  const beast = world instanceof Hidden ? new ShyBeast() : new Beast();
  return beast.assign({ x: what, name: oneIn3(what, () => "new"), weapon: oneIn3(what, () => anItem(what)) });
}

function onBeast(world: World, which: number, change: (beast: Beast, key: string) => void): void {
  const found = at([...world.beasts.entries()], which);
  if (found !== undefined) change(found[1], found[0]);
}

type Change = (world: World, which: number, what: number) => unknown;
const onSome =
  (change: (beast: Beast, what: number) => unknown): Change =>
  (world, which, what) =>
    onBeast(world, which, (beast) => change(beast, what));

/** What a step may do to a world. */
const changes: Record<string, Change> = {
  count: (world) => world.assign({ tick: world.tick + 1 }),
  note: (world, _which, what) => Object.assign(world, { note: oneIn3(what, () => `note ${what}`) }),
  boss: (world, _which, what) => Object.assign(world, { boss: oneIn3(what, () => aBeast(world, what)) }),
  score: (world, which, what) => world.scores.set(`s${which % 5}`, what),
  unscore: (world, which) => world.scores.delete(`s${which % 5}`),
  mark: (world, which) => world.marks.add(`m${which % 5}`),
  unmark: (world, which) => world.marks.delete(`m${which % 5}`),
  extend: (world, _which, what) => world.path.push(what),
  shorten: (world) => world.path.shift(),
  cut: (world, which) => which + 2 < world.path.length && world.path.splice(which, 2),
  spawn: (world, which, what) => world.beasts.set(`b${which}-${what}-${world.beasts.size}`, aBeast(world, what)),
  despawn: (world, which) => onBeast(world, which, (_beast, key) => world.beasts.delete(key)),
  move: onSome((beast, what) => beast.assign({ x: what })),
  rename: onSome((beast, what) => Object.assign(beast, { name: oneIn3(what, () => `name ${what}`) })),
  arm: onSome((beast, what) => Object.assign(beast, { weapon: oneIn3(what, () => anItem(what)) })),
  give: onSome((beast, what) => beast.bag.push(anItem(what))),
  take: onSome((beast) => beast.bag.shift()),
  tag: onSome((beast, what) => beast.tags.push(`t${what}`)),
  untag: onSome((beast) => beast.tags.pop()),
};

/** What may happen to a player. */
const events = {
  stall: (_stage, player) => player.stall(),
  read: (_stage, player, what) => player.read(what % 5),
  readAll: (_stage, player) => player.read(),
  beat: (_stage, player) => player.pulse.beat(),
  drop: (stage, player) => stage.join(player),
  fail: (stage) => Object.assign(stage, { failure: new Error("the patch is broken") }),
  tell: (_stage, player, what) => player.tell(++told, 5 + what),
  look: (stage, player, what) => onBeast(stage.world, what, (beast) => player.view?.add(beast)),
  pry: (stage, player, what) => onBeast(stage.world, what, (beast) => player.view?.add(beast, SECRET)),
  // The engine does not take a tag back from a view: who looks again sees less than somebody who joins then.
  lookAway: ({ world }, { view }, what) =>
    onBeast(world, what, (beast) => view?.has(beast) && !pried(beast) && view.remove(beast)),
} satisfies Record<string, (stage: SyncStage<World>, player: SlowPlayer, what: number) => unknown>;
let told = 0;
const pried = (beast: Beast) => hasTags(beast as never);
const hasTags = (beast: { [symbol: symbol]: { tagViews?: unknown } | undefined }) =>
  Object.getOwnPropertySymbols(beast).some((symbol) => beast[symbol]?.tagViews !== undefined);

const anAct = fc.record({
  act: fc.constantFrom(...Object.keys(changes), ...Object.keys(events), "look", "patch", "patch", "patch", "patch"),
  which: fc.nat(50),
  what: fc.nat(300),
});
const aStory = fc.array(anAct, { maxLength: 120, size: "max" });

function play(stage: SyncStage<World>, story: readonly { act: string; which: number; what: number }[]): void {
  for (const { act, which, what } of story) {
    if (act === "patch") stage.patch();
    else if (act in changes) changes[act]?.(stage.world, which, what);
    else events[act as keyof typeof events](stage, at(stage.players, which) as SlowPlayer, what);
  }
  stage.settle();
}

/** Whoever was there all along has the frames as they were sent, and the messages in their order. */
function expectWholeness({ damagedFrames, messages }: SlowPlayer): void {
  expect(damagedFrames).toBe(0);
  expect(messages).toEqual(messages.toSorted((a, b) => a - b));
}

const RUNS = 80;
const limits = { behindBytes: 100, bytesMax: 4000 };

test("[SYNC1] [SYNC3] I7: who stalls, drops and reads again has the server's state in the end", () => {
  fc.assert(
    fc.property(aStory, fc.boolean(), (story, isStamped) => {
      const players = [new SlowPlayer(), new SlowPlayer(), new SlowPlayer()];
      const stage = new SyncStage({ world: anOpen(), players, isStamped, limits });
      play(stage, story);
      for (const player of players) {
        expect(player.sees).toEqual(stage.world.toJSON());
        expectWholeness(player);
      }
    }),
    { numRuns: RUNS },
  );
});

test("[SYNC1] [SYNC3] I7: who has a view, alone or shared, sees in the end what a newcomer would see through it", () => {
  fc.assert(
    fc.property(aStory, fc.boolean(), (story, isStamped) => {
      const shared = new StateView();
      const players = [shared, shared, new StateView(), undefined].map((view) => new SlowPlayer(view));
      const stage = new SyncStage({ world: aHidden(), players, isStamped, limits });
      play(stage, story);
      for (const player of players) {
        expect(player.sees).toEqual(stage.seenByNewcomer(player.view));
        expectWholeness(player);
      }
    }),
    { numRuns: RUNS },
  );
});

test.for([{ isStamped: true }, { isStamped: false }])(
  "[SYNC1] D: what waits in a socket is not written to by later patches, stamped: $isStamped",
  ({ isStamped }) => {
    const [reader, stalled] = [new SlowPlayer(), new SlowPlayer()];
    const stage = new SyncStage({ world: anOpen(), players: [reader, stalled], isStamped });
    stalled.stall();
    for (let patch = 0; patch < 50; patch++) {
      stage.world.beasts.set(`b${patch}`, aBeast(stage.world, patch));
      stage.patch();
      if (patch === 25) stage.join(reader);
    }
    stalled.read();
    expect(stalled.damagedFrames).toBe(0);
    expect(stalled.sees).toEqual(stage.world.toJSON());
  },
);

test.for([{ isStamped: true }, { isStamped: false }])(
  "[SYNC2] E: a state many times as large as the engine's buffer is whole for a view, stamped: $isStamped",
  ({ isStamped }) => {
    const stage = new SyncStage({ world: aHidden(), players: [], isStamped });
    const view = new StateView();
    for (let index = 0; index < 3000; index++) {
      stage.world.scores.set(`score ${index}`, index);
      stage.world.beasts.set(`beast ${index}`, aBeast(stage.world, index));
    }
    for (const beast of stage.world.beasts.values()) view.add(beast, SECRET);
    stage.patch();
    const player = new SlowPlayer(view);
    stage.join(player);
    const { beasts, scores } = player.sees as { beasts: Record<string, { secret: number }>; scores: object };
    expect(Object.keys(scores)).toHaveLength(3000);
    expect(Object.values(beasts).filter(({ secret }) => secret === 7)).toHaveLength(3000);
  },
);

test("[SYNC2] F: what a shared view begins or ceases to show reaches all who share it, also when nothing else changes", () => {
  const view = new StateView();
  const players = [new SlowPlayer(view), new SlowPlayer(view)];
  const stage = new SyncStage({ world: aHidden(), players });
  const beast = aBeast(stage.world, 1);
  stage.world.beasts.set("one", beast);
  stage.patch();
  const seen = () => players.map(({ sees }) => Object.keys((sees as { beasts?: object }).beasts ?? {}));
  expect(seen()).toEqual([[], []]);
  view.add(beast);
  stage.patch();
  expect(seen()).toEqual([["one"], ["one"]]);
  view.remove(beast);
  stage.patch();
  expect(seen()).toEqual([[], []]);
});

test("[SYNC4] who joins between two patches is not told a second time what has moved, and who returns forgets what is gone", () => {
  const [player, newcomer] = [new SlowPlayer(), new SlowPlayer()];
  const stage = new SyncStage({ world: anOpen(), players: [player] });
  stage.world.path.push(1, 2, 3);
  stage.world.assign({ note: "read me", boss: aBeast(stage.world, 1) });
  stage.patch();
  stage.world.path.shift();
  stage.players.push(newcomer);
  stage.join(newcomer);
  stage.patch();
  expect(newcomer.sees).toEqual(stage.world.toJSON());
  expect(player.sees).toEqual(stage.world.toJSON());
  player.stall();
  Object.assign(stage.world, { note: undefined, boss: undefined });
  stage.patch();
  stage.join(player);
  expect(player.sees).toEqual(stage.world.toJSON());
});

test("[SYNC5] T1: a patch that fails half-way leaves nobody apart", () => {
  const players = [new SlowPlayer(), new SlowPlayer(), new SlowPlayer()];
  const stage = new SyncStage({ world: anOpen(), players });
  stage.world.path.push(1, 2, 3, 4);
  stage.patch();
  stage.failure = new Error("the patch is broken");
  stage.world.path.shift();
  stage.patch();
  for (const player of players) player.tell(1);
  stage.world.path.shift();
  stage.patch();
  expect(players.map(({ sees }) => sees)).toEqual(players.map(() => stage.world.toJSON()));
  expect(players.map(({ messages }) => messages)).toEqual([[1], [1], [1]]);
});

test("[SYNC5] T1: a client whose whole state cannot be written is sent to redial, the others get theirs", () => {
  const views = [new StateView(), new StateView()];
  const players = views.map((view) => new SlowPlayer(view)) as [SlowPlayer, SlowPlayer];
  const stage = new SyncStage({ world: aHidden(), players });
  const beast = aBeast(stage.world, 1);
  stage.world.beasts.set("one", beast);
  for (const view of views) view.add(beast);
  stage.patch();
  stage.failure = new Error("the patch is broken");
  beast.assign({ x: 5 });
  stage.patch();
  const broken = new Error("the view is broken");
  Object.assign(views[0] as StateView, {
    isChangeTreeVisible: () => {
      throw broken;
    },
  });
  expect(() => stage.patch()).toThrow(broken);
  expect(players.map(({ closeCode }) => closeCode)).toEqual([closeCodes.REDIAL, undefined]);
  expect(players[1].sees).toEqual(stage.seenByNewcomer(views[1]));
  stage.patch();
});

test("[SYNC6] what a view has begun to show meanwhile is in the whole state, and is not sent again behind it", () => {
  const view = new StateView();
  const player = new SlowPlayer(view);
  const stage = new SyncStage({ world: aHidden(), players: [player], limits: { behindBytes: 100 } });
  player.stall();
  for (let index = 0; index < 100; index++) {
    const beast = aBeast(stage.world, index);
    stage.world.beasts.set(`b${index}`, beast);
    stage.patch();
    view.add(beast);
  }
  player.read();
  stage.patch();
  expect(player.sees).toEqual(stage.seenByNewcomer(view));
  player.stall();
  stage.world.tick += 1;
  stage.patch();
  expect(player.waitingBytes).toBeLessThan(30);
});
