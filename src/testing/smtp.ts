import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterAll, vi } from "vitest";

export interface ReceivedMail {
  readonly from: string;
  /** Every recipient of the envelope. */
  readonly to: readonly string[];
  /** Headers and body as they came, with lines that were broken for transport joined again. */
  readonly text: string;
}

export interface TestSmtp {
  readonly url: string;
  readonly received: readonly ReceivedMail[];
  /** The mail to this address that was not asked for yet. */
  mailTo(email: string): Promise<ReceivedMail>;
}

/** A mail server on a free port that takes whatever `options` let it take, stopped after the last test of the file. */
export async function startTestSmtp(options: SMTPServerOptions = {}): Promise<TestSmtp> {
  const received: ReceivedMail[] = [];
  const asked = new Set<ReceivedMail>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    async onData(stream, session, done) {
      let text = "";
      for await (const chunk of stream) text += chunk;
      const { mailFrom, rcptTo } = session.envelope;
      const from = mailFrom === false ? "" : mailFrom.address;
      text = text.replace(/=\r\n/g, "").replace(/=3D/g, "=");
      received.push({ from, to: rcptTo.map(({ address }) => address), text });
      done();
    },
    ...options,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    received,
    async mailTo(email) {
      const isNew = (mail: ReceivedMail) => mail.to.includes(email) && !asked.has(mail);
      const mail = await vi.waitUntil(() => received.find(isNew), { interval: 5, timeout: 5000 });
      asked.add(mail);
      return mail;
    },
  };
}
