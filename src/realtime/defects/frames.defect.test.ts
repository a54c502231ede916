import { expect, test } from "vitest";
import { closeCodes } from "../../../schema/protocol.ts";
import { until } from "../../testing/app.ts";
import { frameCodes, rawDataFrame } from "../../testing/stacks/messages.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";

const stack = await useStack();
let lane = 0;
const aLane = () => ({ lane: `frames-${lane++}` });

/** An array that holds itself, in msgpackr's extensions for structured clones: 15 bytes. */
const CYCLIC = Buffer.from("d6690000000191d67000000001", "hex");

test("[DEFECT1] A: three bytes to a room that takes inputs neither hang nor end the process", async () => {
  const server = await stack();
  const attacker = await server.join("walk", aLane());
  attacker.socket.send(Uint8Array.of(frameCodes.inputRing, 0x00, 0xff));
  await server.expectAlive();
  const stamped = await server.join("walk", aLane());
  stamped.socket.send(Uint8Array.of(0x80 | frameCodes.inputRing, 0xce, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0));
  await server.expectAlive();
});

test("[DEFECT1] F2, S2: a message that holds itself ends nobody's game, whatever a handler does with it", async () => {
  const server = await stack();
  for (const [room, type] of [
    ["relay", "say"],
    ["yard", "echo"],
    ["yard", "say"],
  ] as const) {
    const options = aLane();
    const peer = await server.join(room, options);
    const attacker = await server.join(room, options);
    attacker.socket.send(rawDataFrame(type, CYCLIC));
    const sentMs = performance.now();
    await server.expectAlive();
    await until(() => performance.now() - sentMs > 150);
    await server.expectAlive();
    expect(peer.socket.isClosed).toBe(false);
    expect(await attacker.socket.closed).toBe(closeCodes.OFFENCE);
  }
});

test("[DEFECT1] F19: a number out of its field's range is never cut down on the wire", async () => {
  const server = await stack();
  const room = await server.joinSdk<{ tick: number; small: number }>("yard", aLane());
  const facts: { small: number }[] = [];
  room.onMessage("facts", (fact) => facts.push(fact as { small: number }));
  await until(() => room.state?.tick);
  for (const value of [70_000, -1, 1.5]) {
    room.send("set", { value: 7 });
    room.send("set", { value });
    const from = room.state.tick;
    await until(() => room.state.tick > from + 8);
    room.send("facts");
    const seen = facts.length;
    await until(() => facts.length > seen);
    expect({ value, seen: room.state.small }).toEqual({ value, seen: facts.at(-1)?.small });
  }
  await room.leave();
});
