/** Something that an operator may have done: `npm run operator -- <name> <words>`. */
export interface OperatorCommand {
  readonly name: string;
  /** What follows the name: `<accountId> --reason <text>`. */
  readonly usage: string;
  readonly description: string;
  /** Throws a TypeError when the words make no sense. What it gives is printed as JSON, one line for each item of a list. */
  run(words: readonly string[]): Promise<unknown>;
}

/** Runs the command that `words` begin with and gives what to print. Throws with words for the operator. */
export async function runCommand(commands: readonly OperatorCommand[], words: readonly string[]): Promise<string> {
  const [name, ...rest] = words;
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw new TypeError(describe(commands));
  try {
    const result = await command.run(rest);
    // As JSON no word of a player's reaches the terminal as anything but text.
    return (Array.isArray(result) ? result : [result]).map((item) => `${JSON.stringify(item)}\n`).join("");
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    throw new TypeError(`${thrown.message}\n${describe([command])}`, { cause: thrown });
  }
}

function describe(commands: readonly OperatorCommand[]): string {
  const lines = commands.map(({ name, usage, description }) => `  ${name} ${usage}\n      ${description}`);
  return ["Usage: npm run operator -- <command>", ...lines].join("\n");
}
