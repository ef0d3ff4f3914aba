// The entry gatesock/tabs: one connection for all tabs of a browser.

import { addTopics } from "./attach.js";
import { check, newClient } from "./client.js";
import { system } from "./env.js";
import { join, type TabsEnvironment, type TabsOptions } from "./tab.js";
import { connect as connectAlone } from "./index.js";
import type { Api, Client } from "./types.js";

export { GatesockError, type Code } from "./error.js";
export type * from "./types.js";
export type { TabsOptions } from "./tab.js";

/**
 * Returns a client as `connect` of gatesock does. All tabs of a browser share one connection, which
 * one of them has. If that tab is closed, crashes or hangs, another one takes over: each tab keeps
 * its positions, so none misses an event or gets one twice, and calls under way end by the rules of
 * a connection that is lost. Calls that were not sent yet wait for the next tab that leads.
 *
 * It needs Web Locks and BroadcastChannel. Where they are missing, as in Node.js and on pages
 * without TLS, each client has its own connection.
 *
 * The tabs must be signed in as the same user and subscribe to state topics with the same filters:
 * for the server they are one client. A user is present in a topic while one tab is subscribed.
 */
export function connect<A extends Api = Api>(options: TabsOptions): Client<A>;
export function connect<A extends Api = Api>(options: TabsOptions, env?: TabsEnvironment): Client<A> {
  const around = env ?? browser(options);
  if (!around) return connectAlone<A>(options);
  check(options);
  return addTopics<A>((extend) =>
    join<A>(options, around, (hub) => newClient({ ...options, maxQueue: Infinity }, around, hub), extend),
  );
}

// Returns the surroundings of a page, or undefined if tabs cannot meet here.
function browser(options: TabsOptions): TabsEnvironment | undefined {
  const { navigator, BroadcastChannel } = globalThis as Partial<Window & typeof globalThis>;
  const locks = navigator?.locks as TabsEnvironment["locks"] | undefined;
  if (!locks || !BroadcastChannel || typeof document === "undefined") return undefined;
  return {
    ...system(options),
    locks,
    channel(name) {
      try {
        return new BroadcastChannel!(name) as ReturnType<TabsEnvironment["channel"]>;
      } catch {
        return { onmessage: null, postMessage() {}, close() {} }; // a page that may keep no data
      }
    },
    page(hide, show) {
      const shown = (event: PageTransitionEvent) => event.persisted && show();
      addEventListener("pagehide", hide);
      addEventListener("pageshow", shown);
      return () => {
        removeEventListener("pagehide", hide);
        removeEventListener("pageshow", shown);
      };
    },
  };
}
