import { createServer } from "node:net";
import { afterAll, expect, test, vi } from "vitest";
import { startTestSmtp } from "../testing/smtp.ts";
import { TestClock } from "./clock.ts";
import { createLog } from "./log.ts";
import { createMail, type Letter } from "./mail.ts";
import { cryptoRandom as random } from "./random.ts";

const smtp = await startTestSmtp();
const stops: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(stops.map((stop) => stop())));

const letter: Letter = { to: "ada@example.org", subject: "Choose a new password", text: "https://game.test/#a=b\n" };

function aMail(given: { smtpUrl?: string | null; isProduction?: boolean }) {
  const clock = new TestClock();
  const lines: string[] = [];
  const printed: string[] = [];
  const log = createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } });
  const print = (text: string) => void printed.push(text);
  const from = "Umpire <no-reply@game.test>";
  const mail = createMail({ clock, random, log, from, print, smtpUrl: smtp.url, isProduction: true, ...given });
  stops.push(() => {
    const stopped = mail.stop();
    clock.advance(10_000);
    return stopped;
  });
  /** Lets the longest wait pass, and every answer from a socket arrive. */
  const afterSeconds = async <T>(seconds: number, read: () => T) => {
    clock.advance(seconds * 1000);
    return vi.waitUntil(read, { interval: 2, timeout: 5000 });
  };
  return { mail, clock, lines, printed, afterSeconds };
}

const written = (lines: string[], event: string) => lines.filter((line) => line.includes(event));

test("[MAIL1] a letter arrives as it was written, at one address, from the sender of the settings", async () => {
  const { mail, clock } = aMail({});
  mail.send(async () => letter);
  clock.advance(1000);
  const { from, to, text } = await smtp.mailTo("ada@example.org");
  expect([from, to]).toEqual(["no-reply@game.test", ["ada@example.org"]]);
  expect(text).toMatch(/^From: Umpire <no-reply@game.test>\r\n/m);
  expect(text).toContain("Subject: Choose a new password\r\n");
  expect(text).toContain("\r\n\r\nhttps://game.test/#a=b\r\n");
});

test.each<[string, Partial<Letter>]>([
  ["a recipient with a header behind", { to: "eve@example.org\r\nBcc: bob@example.org" }],
  ["two recipients", { to: "eve@example.org, bob@example.org" }],
  ["a recipient with a name", { to: "Eve <eve@example.org>" }],
  ["a subject with a header behind", { to: "eve@example.org", subject: "Hello\r\nBcc: bob@example.org" }],
  ["a subject with a bare line feed", { to: "eve@example.org", subject: "Hello\nBcc: bob@example.org" }],
  ["a subject with a NUL", { to: "eve@example.org", subject: "Hello\0" }],
])("[MAIL1] %s is not sent", async (_, part) => {
  const { mail, lines, afterSeconds } = aMail({});
  mail.send(async () => ({ ...letter, ...part }));
  await afterSeconds(1, () => written(lines, "mail.not_written").length === 1);
  expect(smtp.received.flatMap(({ to }) => to)).not.toContain("eve@example.org");
  expect(smtp.received.flatMap(({ to }) => to)).not.toContain("bob@example.org");
});

test("[MAIL2] a letter is written only after the caller has gone on, and there may be nothing to write", async () => {
  const { mail, clock, lines, afterSeconds } = aMail({});
  let asked = 0;
  for (let index = 0; index < 50; index++)
    mail.send(async () => {
      asked += 1;
      return null;
    });
  await Promise.resolve();
  expect(asked).toBe(0);
  clock.advance(250);
  await vi.waitUntil(() => asked > 0);
  // Spread over half a second, so that what is done later says nothing of what was asked when.
  expect(asked).toBeLessThan(50);
  await afterSeconds(0.5, () => asked === 50);
  mail.send(async () => Promise.reject(new Error("the database is gone")));
  await afterSeconds(1, () => written(lines, "mail.not_written").length === 1);
});

test("[MAIL2] a mail server that is away is tried three times, and one that refuses for good once", async () => {
  const away = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => away.listen(0, "127.0.0.1", resolve));
  afterAll(() => void away.close());
  const address = away.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { mail, lines, afterSeconds } = aMail({ smtpUrl: `smtp://127.0.0.1:${port}` });
  mail.send(async () => letter);
  await afterSeconds(1, () => written(lines, "mail.delayed").length === 1);
  await afterSeconds(2, () => written(lines, "mail.delayed").length === 2);
  await afterSeconds(4, () => written(lines, "mail.failed").length === 1);

  const refusing = await startTestSmtp({
    onRcptTo: ({ address: to }, _session, done) =>
      done(Object.assign(new Error(`no ${to} here`), { responseCode: 550 })),
  });
  const other = aMail({ smtpUrl: refusing.url });
  other.mail.send(async () => letter);
  await other.afterSeconds(1, () => written(other.lines, "mail.failed").length === 1);
  expect(written(other.lines, "mail.delayed")).toEqual([]);
  expect([...lines, ...other.lines].join("")).not.toMatch(/ada@|game\.test\/#/);
});

test("[MAIL3] five hundred may wait, and the next is refused, whatever there is to write", async () => {
  const { mail, afterSeconds } = aMail({});
  let asked = 0;
  const write = async () => {
    asked += 1;
    return null;
  };
  for (let index = 0; index < 500; index++) mail.send(write);
  expect(() => mail.send(write)).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
  await afterSeconds(1, () => asked === 500);
  await vi.waitUntil(() => {
    mail.send(write);
    return true;
  });
});

test("[MAIL4] without SMTP_URL a letter is printed and not logged; in production it is refused and neither", async () => {
  const desk = aMail({ smtpUrl: null, isProduction: false });
  desk.mail.send(async () => letter);
  await desk.afterSeconds(1, () => desk.printed.length === 1);
  expect(desk.printed[0]).toContain(`To: ada@example.org\nSubject: Choose a new password\n\nhttps://game.test/#a=b`);
  const production = aMail({ smtpUrl: null });
  expect(() => production.mail.send(async () => letter)).toThrow(expect.objectContaining({ code: "MAIL_UNAVAILABLE" }));
  production.clock.advance(1000);
  expect(production.printed).toEqual([]);
  expect([...desk.lines, ...production.lines].join("")).not.toMatch(/ada@|game\.test\/#/);
});

test("[MAIL5] a stop sends what is waiting", async () => {
  const { mail, clock } = aMail({});
  mail.send(async () => ({ ...letter, to: "last@example.org" }));
  const stopped = mail.stop();
  clock.advance(1000);
  await stopped;
  expect((await smtp.mailTo("last@example.org")).to).toEqual(["last@example.org"]);
});

test("[MAIL5] a stop waits five seconds for a mail server that does not answer, and no longer", async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  afterAll(() => void silent.close());
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { mail, clock } = aMail({ smtpUrl: `smtp://127.0.0.1:${port}` });
  mail.send(async () => letter);
  clock.advance(1000);
  const stopped = mail.stop();
  clock.advance(5000);
  await stopped;
});
