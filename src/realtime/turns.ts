/** Tasks of the same key run one after the other, in the order in which they asked; those of other keys do not wait. */
export interface Turns {
  take<T>(key: string, task: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    take(key, task) {
      const before = last.get(key);
      const mine = before === undefined ? task() : before.then(task, task);
      last.set(key, mine);
      const forget = () => void (last.get(key) === mine && last.delete(key));
      mine.then(forget, forget);
      return mine;
    },
  };
}
