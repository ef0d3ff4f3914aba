// What a user of a topic's presence has in hand.

import { newListeners } from "./listeners.js";
import { check, closed } from "./subscription.js";
import type { Handle, Topics } from "./topics.js";
import type { Member, Presence } from "./types.js";

/** Makes the client a visible member of a topic, and returns who is there. */
export function presence(topics: Topics, name: string, { as }: { as?: unknown } = {}): Presence {
  check(name, as);
  const { on, emit } = newListeners(topics.host.run);
  let members: readonly Member[] | undefined;
  let count = 0;
  const handle: Handle = {
    as,
    changed(all, n) {
      members = all;
      count = n;
      emit("change", members, count);
    },
    ended(error) {
      if (error.code !== "closed") emit("error", error);
    },
  };
  const t = topics.attach(name, handle);
  return {
    topic: name,
    get members() {
      return members;
    },
    get count() {
      return count;
    },
    on,
    close: () => topics.detach(t, handle, closed()),
  };
}
