import { parseArgs } from "node:util";
import type { AccountId } from "../../../schema/ids.ts";
import type { OperatorCommand } from "../../platform/operator.ts";
import type { Perform } from "../../platform/operator-http.ts";
import { BANS_PAGE_MAX } from "./bans.ts";
import type { Accounts } from "./service.ts";

const SENTENCE = "This account is suspended.";
const DAYS_MAX = 36_500;
const REASON = "asked for at the shell";
const shell = (reason = REASON) => ({ actor: "shell", reason, keyed: null }) as const;

/**
 * The doors through which whoever runs the server keeps players out, and serves those who ask by letter. What is done is
 * written down as the deed of the shell.
 */
export function accountsCommands(accounts: Accounts, perform: Perform): OperatorCommand[] {
  return [
    {
      name: "ban",
      usage: "<accountId> --reason <for staff> [--sentence <for the player>] [--days <number>]",
      description: "Ends every session of the account, with its sockets, and opens none. Without days for good.",
      async run(words) {
        const options = { reason: { type: "string" }, sentence: { type: "string" }, days: { type: "string" } } as const;
        const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true });
        const order = {
          accountId: accountIdIn(positionals),
          reason: textOf("--reason", values.reason, 1000),
          sentence: textOf("--sentence", values.sentence ?? SENTENCE, 200),
          days: values.days === undefined ? null : daysOf(values.days),
        };
        return perform(shell(order.reason), async (tx) => {
          const { result: ban, announce } = await accounts.banWithin(tx, order);
          const details = { banId: ban.id, days: order.days };
          return { action: "accounts.ban", subject: ban.accountId, details, reply: ban, afterCommit: announce };
        });
      },
    },
    {
      name: "unban",
      usage: "<accountId> [--reason <text>]",
      description: "Lifts the ban that is in force, and shows it; null when there was none.",
      async run(words) {
        const { accountId, reason } = accountAndReason(words);
        return perform(shell(reason), async (tx) => {
          const { result: ban, announce } = await accounts.unbanWithin(tx, accountId);
          const details = { banId: ban?.id ?? null };
          return { action: "accounts.unban", subject: accountId, details, reply: ban, afterCommit: announce };
        });
      },
    },
    {
      name: "bans",
      usage: "[<accountId>]",
      description: `The latest ${BANS_PAGE_MAX} bans, of one account or of all.`,
      async run(words) {
        const accountId = words.length === 0 ? undefined : accountIdIn(words);
        return accounts.listBans({ accountId, limit: BANS_PAGE_MAX });
      },
    },
    {
      name: "export-account",
      usage: "<accountId> [--reason <text>]",
      description: "All that is stored about the player, one line for each thousand rows.",
      async run(words) {
        const { accountId, reason } = accountAndReason(words);
        await perform(shell(reason), async () => ({ action: "accounts.export", subject: accountId, reply: null }));
        const first = await accounts.exportAccount(accountId, null);
        const pages = [first];
        for (let next = first.next; next !== null; next = pages.at(-1)?.next ?? null) {
          pages.push(await accounts.exportAccount(accountId, next));
        }
        return pages;
      },
    },
    {
      name: "delete-account",
      usage: "<accountId> [--reason <text>]",
      description: "Deletes the account as its owner could.",
      async run(words) {
        const { accountId, reason } = accountAndReason(words);
        return perform(shell(reason), async (tx) => {
          const { announce } = await accounts.deleteAccountWithin(tx, accountId);
          const reply = { deleted: accountId };
          return { action: "accounts.delete", subject: accountId, reply, afterCommit: announce };
        });
      },
    },
  ];
}

function accountAndReason(words: readonly string[]): { accountId: AccountId; reason: string | undefined } {
  const options = { reason: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true });
  const reason = values.reason === undefined ? undefined : textOf("--reason", values.reason, 1000);
  return { accountId: accountIdIn(positionals), reason };
}

function accountIdIn(words: readonly string[]): AccountId {
  const [accountId = "", ...more] = words;
  if (more.length > 0 || !/^acc_[0-9a-z]{26}$/.test(accountId)) throw new TypeError("Name one account: acc_…");
  return accountId as AccountId;
}

function textOf(option: string, text: string | undefined, charsMax: number): string {
  const trimmed = text?.trim() ?? "";
  if (trimmed === "" || trimmed.length > charsMax) throw new TypeError(`${option} takes 1 to ${charsMax} characters.`);
  return trimmed;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!(days > 0 && days <= DAYS_MAX)) throw new TypeError(`--days takes a number above 0, up to ${DAYS_MAX}.`);
  return days;
}
