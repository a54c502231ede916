import { parseArgs } from "node:util";
import type { AccountId } from "../../../schema/ids.ts";
import type { OperatorCommand } from "../../platform/operator.ts";
import { BANS_PAGE_MAX } from "./bans.ts";
import type { Accounts } from "./service.ts";

const SENTENCE = "This account is suspended.";
const DAYS_MAX = 36_500;

/** The doors through which whoever runs the server keeps players out, and serves those who ask by letter. */
export function accountsCommands(accounts: Accounts): OperatorCommand[] {
  return [
    {
      name: "ban",
      usage: "<accountId> --reason <for staff> [--sentence <for the player>] [--days <number>]",
      description: "Ends every session of the account, with its sockets, and opens none. Without days for good.",
      async run(words) {
        const options = { reason: { type: "string" }, sentence: { type: "string" }, days: { type: "string" } } as const;
        const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true });
        return accounts.ban({
          accountId: accountIdIn(positionals),
          reason: textOf("--reason", values.reason, 1000),
          sentence: textOf("--sentence", values.sentence ?? SENTENCE, 200),
          days: values.days === undefined ? null : daysOf(values.days),
        });
      },
    },
    {
      name: "unban",
      usage: "<accountId>",
      description: "Lifts the ban that is in force, and shows it; null when there was none.",
      run: async (words) => accounts.unban(accountIdIn(words)),
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
      usage: "<accountId>",
      description: "All that is stored about the player, one line for each thousand rows.",
      async run(words) {
        const accountId = accountIdIn(words);
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
      usage: "<accountId>",
      description: "Deletes the account as its owner could.",
      async run(words) {
        const accountId = accountIdIn(words);
        await accounts.deleteAccount(accountId);
        return { deleted: accountId };
      },
    },
  ];
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
