// The listeners of a client, and of each handle of a topic.

export type Listener = (...args: any[]) => void;

/** Returns listeners by the type of what they hear. Run calls one of them, and does not throw. */
export function newListeners(run: (f: Listener, ...args: unknown[]) => void) {
  const all = new Set<[type: string, f: Listener]>(); // the same function may listen twice
  return {
    on(type: string, f: Listener): () => void {
      const one: [string, Listener] = [type, f];
      all.add(one);
      return () => void all.delete(one);
    },
    emit(type: string, ...args: unknown[]): void {
      for (const one of [...all]) if (one[0] == type && all.has(one)) run(one[1], ...args);
    },
    all,
  };
}
