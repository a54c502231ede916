import { createHash } from "node:crypto";
import { once } from "node:events";
import { expect, test } from "vitest";
import { createSystemClock } from "../../platform/clock.ts";
import { until } from "../../testing/app.ts";
import { aSocketPair, aTrunkPair } from "../../testing/trunk-pair.ts";
import { splice } from "./splice.ts";
import { OWNER_WINDOWS } from "./trunk-opening.ts";

const clock = createSystemClock();

/** Two joined connections, seen from outside: what a client holds and what an owner holds. */
async function aSplice() {
  const [[clientSide, client], pair] = await Promise.all([aSocketPair(), aTrunkPair()]);
  const { channel, stream } = await pair.open();
  let reason: string | null = null;
  const onClosed = (why: string) => {
    reason = why;
  };
  const joined = splice({ client, owner: channel, clock, onClosed });
  return { client: clientSide, owner: stream, joined, trunk: pair.far.trunk, reason: () => reason };
}

test("[RELAY9] T14: whoever does not read stops the other from being read, and nothing is lost when it reads again", async () => {
  const { client, owner, joined } = await aSplice();
  const [written, arrived] = [createHash("sha1"), createHash("sha1")];
  let sent = 0;
  // What the kernel takes on loopback is some megabytes; beyond that the sender has to wait.
  const pump = () => {
    while (sent < 64 * 2 ** 20) {
      const chunk = Buffer.alloc(64 * 1024, `${sent}`);
      sent += chunk.length;
      written.update(chunk);
      if (!owner.write(chunk)) return;
    }
  };
  pump();
  owner.on("drain", pump);
  let passed = -1;
  // Nobody reads: what has passed comes to a stop, far from everything.
  await until(() => {
    const isStill = joined.bytes() === passed && passed > 0;
    passed = joined.bytes();
    return isStill && passed;
  });
  expect(passed).toBeLessThan(16 * 2 ** 20);
  let read = 0;
  client.on("data", (bytes: Buffer) => {
    read += bytes.length;
    arrived.update(bytes);
  });
  await until(() => sent >= 64 * 2 ** 20 && read === sent);
  expect(arrived.digest("hex")).toBe(written.digest("hex"));
});

test("[RELAY9] half a connection that ends is half that ends; one that breaks breaks the other", async () => {
  const half = await aSplice();
  half.client.end("last words");
  const heard: string[] = [];
  half.owner.on("data", (bytes: Buffer) => heard.push(bytes.toString()));
  await once(half.owner, "end");
  expect(heard.join("")).toBe("last words");
  const answer = once(half.client, "data");
  half.owner.end("and mine");
  expect(String((await answer)[0])).toBe("and mine");
  await until(() => half.reason() === "client");

  const gone = await aSplice();
  gone.client.resetAndDestroy();
  await once(gone.owner, "close");
  expect(gone.reason()).toBe("client lost");

  // What was said before is heard, though nobody is there any more who said it.
  const closed = await aSplice();
  const said = once(closed.client, "data");
  closed.owner.write("good");
  closed.owner.write("bye");
  closed.owner.destroy();
  expect(String((await said)[0])).toBe("goodbye");
  await once(closed.client, "end");
  await until(() => closed.reason() === "owner");

  const broken = await aSplice();
  broken.client.resume();
  const ended = once(broken.client, "end");
  broken.trunk.break("lost");
  await ended;
  await until(() => broken.reason() === "owner lost");
});

test("[RELAY9] T14: what a player says last arrives, though the room does not read it yet and the player has gone", async () => {
  const { client, owner, reason } = await aSplice();
  const all = Buffer.alloc(OWNER_WINDOWS.take + 5_000, "the last words of a player who talks a lot. ");
  owner.pause();
  client.write(all.subarray(0, -10_000));
  await until(() => owner.readableLength === all.length - 10_000);
  // Half of this has credit. The end comes right behind it, whether it is asked for or not.
  client.end(all.subarray(-10_000));
  await until(() => owner.readableLength === OWNER_WINDOWS.take);
  const got: Buffer[] = [];
  owner.on("data", (bytes: Buffer) => got.push(bytes));
  owner.resume();
  await once(owner, "end");
  expect(Buffer.concat(got).equals(all)).toBe(true);
  owner.end();
  await until(() => reason() === "client");
});
