import { type Rewind, ServerError } from "@colyseus/core";
import type { AccountId } from "../../schema/ids.ts";
import { type CloseCode, closeCodes, PROTOCOL_VERSION } from "../../schema/protocol.ts";
import { AppError } from "../platform/errors.ts";
import type { StepTimes } from "../platform/step-histogram.ts";
import type { ServiceName, Services } from "../services/services.ts";
import { closeWhenReady } from "./door/drain.ts";
import { type EngineClient, type EngineClientPrivate, NO_ENGINE_LOOP } from "./engine.ts";
import { GuardedRoom } from "./guard/guarded-room.ts";
import type { InputLane } from "./input-lane.ts";
import type { InputSpec, Inputs } from "./inputs.ts";
import { invitationOf } from "./matchmaking/invitations.ts";
import { createPast, MAX_REWIND_MS, type Past, presentOnly, type Rewound } from "./past.ts";
import { Persistence } from "./persistence.ts";
import { reconnectionToken } from "./reconnection-token.ts";
import { RoomLoop } from "./room-loop.ts";
import type { Admission } from "./room-supplies.ts";
import { type Guest, newSeat, type Player, type Seat, Seats } from "./seats.ts";
import type { RoomWorld, WorldSetup } from "./world.ts";

/** A client may have this many inputs waiting; the oldest give way. */
const INPUT_BUFFER_MAX = 64;

/**
 * A server-authoritative room. A room class declares fields (`tickHz`, `patchEvery`, `input`, `needs`), says how a world
 * begins (`createWorld`), how it moves (`step`) and what happens at its seats (`enter`, `drop`, `comeBack`, `exit`). The
 * framework runs the tick, sends a patch every `patchEvery` steps, keeps seats for dropped players, contains faults and
 * carries durable facts to services. Everything the step reads or writes is in the world: a room has no other mutable
 * field and no timer. A failure in any of these methods stays in this room.
 */
export abstract class GameRoom<
  World extends RoomWorld & object,
  Input extends object,
  Needs extends ServiceName = never,
  Options extends object = object,
> extends GuardedRoom {
  /** The services this room uses; it is given these and no others. */
  static readonly needs: readonly ServiceName[] = [];

  /** Steps per second, 1 to 120. */
  abstract readonly tickHz: number;
  /** Steps from one patch to the next, 1 or more. */
  abstract readonly patchEvery: number;
  abstract readonly input: InputSpec<Input>;

  abstract createWorld(setup: WorldSetup<Options>): World;
  /** One step of 1000 / tickHz ms: pure, no clock, no randomness of its own, no I/O. It adds one to `world.tick`. */
  abstract step(world: World, inputs: Inputs<Input>, past: Past): void;
  /** Seats a guest and returns the slot, a whole number from 0 to maxClients - 1. */
  abstract enter(world: World, guest: Guest): number;
  /** The player's connection is gone; the seat is kept for RECONNECT_SECONDS. */
  abstract drop(world: World, slot: number): void;
  abstract comeBack(world: World, slot: number): void;
  /** The seat is given up for good. */
  abstract exit(world: World, slot: number): void;
  /** The entities whose past the step may ask for; none by default. */
  rewinds?(world: World): Rewound;
  /** After each step, outside it: send events, hand durable facts to services. */
  afterStep?(world: World): void;
  /** Whether a stopping process may close this room now; by default at once. */
  mayClose?(world: World): boolean;

  declare state: World;
  /** Set on the prototype by `supplyRoom`. */
  declare protected readonly services: Pick<Services, Needs>;

  readonly #seats = new Seats();
  #persistence!: Persistence;
  #loop!: RoomLoop<Input>;
  #stepSeconds!: StepTimes;
  #rewind: Rewind | undefined;
  #past: Past = presentOnly;

  /** Sends an event to everyone, right behind the next patch, so that it never arrives before the state it speaks of. */
  protected tell(type: string, payload: unknown): void {
    this.broadcast(type, payload, { afterNextPatch: true });
  }

  /** Sends an event to one person, if present. */
  protected tellAccount(accountId: AccountId, type: string, payload: unknown): void {
    this.#seats.ofAccount(accountId)?.client.send(type, payload);
  }

  /** Carries a durable fact to a service, trying again while that may help. `task` must be idempotent by its own key. */
  protected persist(what: string, task: () => Promise<void>): void {
    this.#persistence.write(what, task);
  }

  /**
   * Asks a service for something that the game can do without, such as what a player wears. `use` gets the answer later,
   * between two steps. A question that fails is logged and not asked again.
   */
  protected ask<Answer>(what: string, question: () => Promise<Answer>, use: (answer: Answer) => void): void {
    question().then(
      (answer) => void this.faults.contain(what, () => use(answer)),
      (err: unknown) => this.supplies.log.warn({ what, err }, "room.question_failed"),
    );
  }

  playerOf(client: EngineClient): Player | undefined {
    return this.#seats.of(client)?.player;
  }

  /** The engine's start, with no loop of its own. The patch rate stays readable: it is advertised to predicting clients. */
  override __init(): void {
    this._simulationInterval = NO_ENGINE_LOOP;
    this.patchRate = null;
    super.__init();
    Object.defineProperty(this, "patchRate", { value: (1000 / this.tickHz) * this.patchEvery, writable: false });
  }

  override onCreate(options: Options): void {
    const { clock, ids, random, metrics, botFill } = this.supplies;
    this.#persistence = new Persistence(this.supplies);
    this.defineInput(this.input.type, {
      tickRate: this.tickHz,
      bufferMaxSize: INPUT_BUFFER_MAX,
      sanitize: this.input.ranges,
    });
    this.onMessage("welcome", (client: EngineClient) => this.#welcomeFor(client));
    this.state = this.createWorld({ options, seed: random.below(2 ** 32), worldId: ids.mint("match"), botFill });
    this.guardState();
    const late = metrics.stepLateSeconds.of(this.roomName);
    this.#loop = new RoomLoop<Input>({
      clock,
      tickHz: this.tickHz,
      patchEvery: this.patchEvery,
      idleInput: this.input.idle,
      contain: (run) => void this.faults.contain("tick", run),
      tickNow: () => this.state.tick,
      step: (inputs) => this.#step(inputs),
      patch: () => this.broadcastPatch(),
      onWoken: (lateMs) => late.observe(Math.max(0, lateMs) / 1000),
      onSkipped: (steps) => metrics.stepsDropped.inc({ room: this.roomName }, steps),
      onStampClamped: () => metrics.stampsClamped.inc({ room: this.roomName }),
    });
    this.#stepSeconds = metrics.stepSeconds.of(this.roomName);
    this.#startRoomTime();
    metrics.rooms.inc({ room: this.roomName });
  }

  /** From here on the engine's clock, its patches' stamps and the recorded past all count in room time. */
  #startRoomTime(): void {
    this.clock.now = () => this.#loop.roomTimeMs();
    this.clock.start();
    const rewound = this.rewinds?.(this.state);
    if (rewound !== undefined) {
      this.#rewind = this.allowRewindState({ maxRewindMs: MAX_REWIND_MS });
      this.#rewind.attachAll(rewound as never, { fields: ["x", "y"] as never, mode: "snapshot" });
      this.#past = createPast(this.#rewind, (tick) => this.#loop.roomTimeMs(tick));
    }
    this.#loop.start();
  }

  #step(inputs: Inputs<Input>): void {
    const startedMs = this.supplies.clock.monotonicMs();
    this.faults.containStep(() => {
      this.step(this.state, inputs, this.#past);
      this.clock.tick();
      this.#rewind?.record(this.clock.elapsedTime, 1000 / this.tickHz);
    });
    this.#stepSeconds.observe((this.supplies.clock.monotonicMs() - startedMs) / 1000);
    this.faults.contain("afterStep", () => this.afterStep?.(this.state));
  }

  override onJoin(client: EngineClient): unknown {
    return this.guard("join", () => {
      const admission = client.auth as Admission;
      const { tickets, liveSessions } = this.supplies;
      const { ticketId } = admission;
      if (ticketId !== null) tickets.spend(ticketId);
      try {
        if (liveSessions.hasEnded(admission.accountSessionId)) throw new AppError("UNAUTHENTICATED");
        const former = this.#seats.ofAccount(admission.accountId);
        if (former !== undefined) this.#giveUp(former, closeCodes.REPLACED);
        this.#sit(client, admission, former?.player.slot);
      } catch (refusal) {
        if (ticketId !== null) tickets.giveBack(ticketId);
        throw refusal;
      }
    });
  }

  /** A new seat, or for an account that sits here already its old slot, so that a reloaded page goes on with its score. */
  #sit(client: EngineClient, admission: Admission, formerSlot: number | undefined): void {
    const { accountId, name, accountSessionId } = admission;
    const slot = formerSlot ?? this.enter(this.state, { accountId, name });
    if (formerSlot !== undefined) this.comeBack(this.state, slot);
    else this.supplies.metrics.players.inc({ room: this.roomName });
    const seat = newSeat({ slot, accountId, name }, client);
    seat.forget = this.supplies.liveSessions.enter(accountSessionId, (code) => this.#giveUp(seat, code));
    this.#seats.take(seat);
    this.#occupy(seat, client);
  }

  #occupy(seat: Seat, client: EngineClient): void {
    seat.client = client;
    client.reconnectionToken = reconnectionToken(this.supplies.secret, this.roomId, client.sessionId);
    this.#loop.seat(seat.player.slot, (client as EngineClientPrivate)._inputBuffer as unknown as InputLane<Input>);
    client.send("welcome", this.#welcomeFor(client));
  }

  override onDrop(client: EngineClient): void {
    const seat = this.#seats.of(client);
    if (seat === undefined || seat.isOver) return;
    this.faults.contain("drop", () => this.drop(this.state, seat.player.slot));
    // To the engine a connection that broke before it was acknowledged was never in the room, and its seat is lost.
    if (seat.hasReturned) (client as EngineClientPrivate)._enqueuedMessages = undefined;
    this.allowReconnection(client, this.supplies.reconnectSeconds).catch(() => {});
  }

  override onReconnect(client: EngineClient): unknown {
    return this.guard("comeBack", () => {
      const seat = this.#seats.of(client);
      if (seat === undefined || seat.isOver) throw new AppError("ROOM_SEAT_LOST");
      seat.hasReturned = true;
      this.#occupy(seat, client);
      this.comeBack(this.state, seat.player.slot);
    });
  }

  override onLeave(client: EngineClient): void {
    const seat = this.#seats.of(client);
    if (seat === undefined) return;
    this.#vacate(seat);
    this.supplies.metrics.players.dec({ room: this.roomName });
    this.faults.contain("exit", () => this.exit(this.state, seat.player.slot));
    // The engine disposes of an empty room at once: one more step lets the world close what its last player left.
    if (this.#seats.size === 0) this.#loop.step();
  }

  /** Ends a seat for good, whether its player is connected or away. */
  #giveUp(seat: Seat, code: CloseCode): void {
    seat.isOver = true;
    if (code === closeCodes.REPLACED) this.#vacate(seat);
    this._reconnections[seat.client.reconnectionToken]?.[1].reject(new ServerError(code));
    seat.client.leave(code);
  }

  #vacate(seat: Seat): void {
    seat.forget();
    this.#seats.leave(seat);
    this.#loop.unseat(seat.player.slot);
  }

  #welcomeFor(client: EngineClient) {
    const invitation = invitationOf(this._listing);
    return {
      slot: this.playerOf(client)?.slot,
      tickHz: this.tickHz,
      patchEvery: this.patchEvery,
      protocol: PROTOCOL_VERSION,
      ...(invitation !== null && { code: invitation.code }),
    };
  }

  /** A stopping process waits for the room to be ready, up to DRAIN_SECONDS, then sends everyone home. */
  override onBeforeShutdown(): void {
    const { clock, drainSeconds: seconds } = this.supplies;
    const ask = () =>
      this.faults.attempt(
        "mayClose",
        () => this.mayClose?.(this.state) ?? true,
        () => true,
      );
    // Whoever has been given a seat is on the way to it.
    const isAwaiting = () => Object.keys(this._reservedSeats).length > 0;
    const isReady = () => !isAwaiting() && (this.#seats.size === 0 || ask() === true);
    closeWhenReady({ clock, seconds, isReady, close: () => this.close(closeCodes.SERVER_SHUTDOWN) });
  }

  override async onDispose(): Promise<void> {
    // A room whose world could not be made has no loop, and was never counted.
    if (this.#loop === undefined) return;
    this.#loop.stop();
    this.supplies.metrics.rooms.dec({ room: this.roomName });
    await this.#persistence.settled();
  }

  protected override kick(client: EngineClient, code: CloseCode): void {
    const seat = this.#seats.of(client);
    if (seat === undefined) client.leave(code);
    else this.#giveUp(seat, code);
  }
}
