import type { ArenaMode, ArenaWorld } from "../../schema/state/arena.ts";
import { createClient } from "../../src/client/client.ts";
import type { Match } from "../../src/client/match.ts";
import { ArenaView } from "./arena/arena-view.ts";
import { Controls } from "./arena/controls/controls.ts";
import type { Feed, Hands } from "./arena/feed.ts";
import { createOfflineFeed } from "./arena/offline-feed.ts";
import { createOnlineFeed } from "./arena/online-feed.ts";
import type { Picture } from "./arena/picture/picture.ts";
import { Sounds } from "./arena/sounds.ts";
import { latencySlider } from "./latency-slider.ts";
import { codeSign } from "./lobby/friends.ts";
import { LobbyView } from "./lobby/lobby-view.ts";
import { createSeatKeeper } from "./seat-keeper.ts";
import { showToTests } from "./test-hook.ts";
import type { View } from "./view.ts";

/** A page that was hidden comes back with one long frame; nothing should jump that far. */
const FRAME_SECONDS_MAX = 0.1;
const PRACTICE_PLAYERS = { ffa: 8, duel: 2 } as const;

const query = new URLSearchParams(location.search);
const client = createClient({ endpoint: location.origin, session: "cookie" });
const sounds = new Sounds();
const seat = createSeatKeeper();
const picture = loadPicture();
const place = document.querySelector("#view") ?? document.body;
let view: View | undefined;

async function start(): Promise<void> {
  runFrames();
  if (query.has("offline")) return practise(asMode(query.get("offline")));
  if (await takeUpMatch()) return;
  openLobby();
}

/** What draws is most of the page's weight, and the lobby need not wait for it. Rejects where there is no WebGL. */
async function loadPicture(): Promise<Picture> {
  const canvas = document.querySelector<HTMLCanvasElement>("#picture");
  if (canvas === null) throw new Error("The page has no canvas.");
  const { Picture } = await import("./arena/picture/picture.ts");
  return Picture.create(canvas);
}

function runFrames(): void {
  let lastMs = performance.now();
  const frame = (nowMs: number) => {
    requestAnimationFrame(frame);
    const dt = Math.min(FRAME_SECONDS_MAX, Math.max(0, (nowMs - lastMs) / 1000));
    lastMs = nowMs;
    view?.frame(nowMs, dt);
  };
  requestAnimationFrame(frame);
}

function open(next: View): void {
  view?.close();
  view = next;
  document.body.dataset["view"] = next instanceof ArenaView ? "arena" : "lobby";
  place.replaceChildren(next.element);
}

function openLobby(): void {
  showToTests(undefined);
  const enterBy = async (sit: () => Promise<Match<ArenaWorld>>) => {
    // First of all, because nobody should take a seat and then see nothing.
    const drawn = await picture;
    enter(drawn, await sit());
  };
  const onPlay = (mode: ArenaMode) => enterBy(() => client.join("arena", { mode }));
  const onInvite = (mode: ArenaMode) => enterBy(() => client.createPrivate("arena", { mode }));
  const onCode = (code: string) => enterBy(() => client.joinByCode("arena", code));
  open(new LobbyView({ client, picture, onPlay, onPractise: practise, onInvite, onCode }));
}

/** Goes on with the match that a reload of this tab has interrupted, if its seat is still kept. */
async function takeUpMatch(): Promise<boolean> {
  const token = seat.take();
  if (token === null) return false;
  try {
    const drawn = await picture;
    enter(drawn, await client.rejoin<ArenaWorld>(token));
    return true;
  } catch {
    return false;
  }
}

/** In the very turn in which the join resolved: later, the room's first messages would find nobody listening. */
function enter(drawn: Picture, match: Match<ArenaWorld>): void {
  seat.keep(match);
  const sign = match.code === null ? [] : [codeSign(match.code)];
  const extras = import.meta.env.DEV ? [latencySlider(match), ...sign] : sign;
  openArena(drawn, (hands) => createOnlineFeed(match, hands), extras);
}

/** The real simulation with bots, in this browser: no server, nothing recorded. */
async function practise(mode: ArenaMode): Promise<void> {
  const isAutopilot = query.has("auto");
  const feedFor = (hands: Hands) => createOfflineFeed({ mode, hands, isAutopilot, players: PRACTICE_PLAYERS[mode] });
  openArena(await picture, feedFor);
}

function openArena(drawn: Picture, feedFor: (hands: Hands) => Feed, extras: readonly HTMLElement[] = []): void {
  const controls = new Controls(document.body);
  const onLeave = () => {
    seat.forget();
    openLobby();
  };
  const arena = new ArenaView({ feed: feedFor(controls), controls, picture: drawn, sounds, onLeave, extras });
  open(arena);
  showToTests({ feed: arena.feed, scene: arena.scene, camera: drawn.camera });
}

function asMode(text: string | null): ArenaMode {
  return text === "duel" ? "duel" : "ffa";
}

void start();
