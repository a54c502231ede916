/** Who wants to hear of one kind of event. */
export interface Listeners<Event> {
  /** Adds a listener and returns a function that removes it. */
  add(listener: (event: Event) => void): () => void;
  tell(event: Event): void;
}

/** The engine's own signal skips a listener when another removes itself, and removes a wrong one when asked twice. */
export function createListeners<Event>(): Listeners<Event> {
  const listeners = new Set<{ call: (event: Event) => void }>();
  return {
    add(call) {
      const entry = { call };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    tell(event) {
      for (const { call } of [...listeners]) call(event);
    },
  };
}
