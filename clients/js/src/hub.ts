// What the leader of the tabs does: it has the connection, and passes on what the tabs and the
// server send. It is an extension of the core like topics, but keeps no log and no position: each
// tab has the whole client of topics for itself, and so learns what it has missed.

import type { Extension, Failure, Frame, Host, NewExtension } from "./extension.js";
import type { CallOptions, CoreClient, State } from "./types.js";

/** What went wrong, as it travels between tabs. */
export interface Fault extends Failure {
  details?: unknown;
}

/** What a tab sends to the leader. `n` is the number of the connection that the tab means. */
export type Up =
  | { t: "hello" | "bye" | "ping" | "wake" }
  | { t: "request"; n: number; r: number; action: string; members: object }
  | { t: "call"; c: number; action: string; input: object | undefined; options: CallOptions }
  | { t: "abort"; c: number }
  | { t: "send"; action: string; input: object | undefined }
  | { t: "settled"; n: number; settled: boolean }
  | { t: "restart"; n: number }
  | { t: "retry"; at?: number };

/** What the leader sends to all tabs, or to one. */
export type Down =
  | { t: "leader" | "gone" | "closed" | "wake" | "pong" }
  | { t: "welcome"; to: string; state: State; n: number }
  | { t: "state"; state: State }
  | { t: "opened"; n: number }
  | { t: "frame"; frame: Frame }
  | { t: "problem" | "limited"; fault: Fault }
  | { t: "answer"; to: string; r: number; data?: unknown; fault?: Fault }
  /** The end of a call. If the leader ends: `lost` if it may have been sent, or `unsent`. */
  | { t: "end"; to: string; c: number; data?: unknown; fault?: Fault; lost?: boolean; unsent?: boolean };

/** The leader's part. */
export interface Hub {
  /** What its messages are marked with. */
  readonly name: string;
  /** Takes what a tab has sent. */
  receive(from: string, m: Up): void;
  /** Closes the connection. `then` runs when every tab was told how its calls ended. */
  end(then: () => void): void;
}

/** A tab, as the leader knows it. */
interface Tab {
  topics: Set<string>;
  settled: boolean;
  calls: Map<number, AbortController>;
  forget(): void;
}

/** A request for topics. It waits while an earlier one is under way for the same topic. */
interface Request {
  from?: string;
  r: number;
  action: string;
  members: { topic?: string; topics?: unknown[] };
  topics: string[];
  started: boolean;
}

/** How many topics one unsubscribe names: names have at most 512 bytes, and frames 32 KiB. */
const BATCH = 50;

/**
 * Makes the leader's part. `watch` calls `gone` when a tab has vanished, unless what it returns was
 * called before.
 */
export function newHub(
  name: string,
  create: (extend: NewExtension) => CoreClient,
  after: Host["after"],
  post: (m: Down) => void,
  watch: (tab: string, gone: () => void) => () => void,
): Hub {
  const tabs = new Map<string, Tab>();
  let n = 0; // connections so far
  let isOpen = false;
  let isOver = false;
  let requests: Request[] = []; // on this connection
  let doubtful = new Set<string>(); // topics of which an unsubscribe had no answer
  let host!: Host;

  const isWanted = (topic: string) => [...tabs.values()].some((tab) => tab.topics.has(topic));

  const extension: Extension = {
    opened() {
      n++;
      isOpen = true;
      for (const tab of tabs.values()) tab.settled = false;
      post({ t: "opened", n });
    },
    closed() {
      isOpen = false;
      requests = [];
      doubtful = new Set();
      post({ t: "closed" });
    },
    receive(frame) {
      post({ t: "frame", frame });
      return frame.epoch !== undefined || typeof frame.event === "string";
    },
    settled: () => [...tabs.values()].every((tab) => tab.settled),
    wake: () => post({ t: "wake" }),
    end() {},
  };

  const client = create((h) => {
    host = h;
    return extension;
  });
  client.on("state", (state) => isOver || post({ t: "state", state }));
  client.on("problem", (error) => post({ t: "problem", fault: faultOf(error) }));
  client.on("limited", (error) => post({ t: "limited", fault: faultOf(error) }));

  // Starts the requests that need not wait for an earlier one.
  function pump(): void {
    const busy = new Set<string>();
    for (const request of [...requests]) {
      if (!isOpen) return;
      const exclusive = request.action === "subscribe" || request.action === "unsubscribe";
      if (!request.started && !(exclusive && request.topics.some((topic) => busy.has(topic)))) start(request);
      if (exclusive) for (const topic of request.topics) busy.add(topic);
    }
  }

  function start(request: Request): void {
    const { from, r, action } = request;
    let { members } = request;
    const mine = n;
    const finish = (answer: { data?: unknown; fault?: Fault }) => {
      const i = requests.indexOf(request);
      if (i < 0 || mine !== n) return;
      requests.splice(i, 1);
      if (from !== undefined) post({ t: "answer", to: from, r, ...answer });
      pump();
    };
    request.started = true;
    if (action === "unsubscribe") {
      const topics = request.topics.filter((topic) => !isWanted(topic));
      if (!topics.length) {
        finish({ data: null }); // another tab wants to stay
        return;
      }
      request.topics = topics;
      members = { topics };
    }
    if (action === "subscribe" && request.topics.some((topic) => doubtful.has(topic))) {
      host.restart(); // the unsubscribe may still be carried out
      return;
    }
    host.request(
      action,
      members,
      (data) => {
        if (action === "subscribe") {
          const results = (data as { topics?: unknown } | null)?.topics;
          for (const result of Array.isArray(results) ? results : [data]) {
            if (result?.error) unwant(from, [result.topic]);
          }
        }
        finish({ data });
      },
      (error) => {
        if (action === "subscribe") unwant(from, request.topics); // the tab tries again if it likes
        if (action === "unsubscribe" && (!error.code || error.code === "deadline_exceeded")) {
          for (const topic of request.topics) doubtful.add(topic);
        }
        finish({ fault: faultOf(error) });
      },
    );
  }

  function unwant(from: string | undefined, topics: string[]): void {
    const tab = from !== undefined && tabs.get(from);
    if (tab) for (const topic of topics) tab.topics.delete(topic);
  }

  function ask(request: Omit<Request, "started">): void {
    requests.push({ ...request, started: false });
    pump();
  }

  function add(id: string): Tab {
    const tab: Tab = { topics: new Set(), settled: false, calls: new Map(), forget: watch(id, () => remove(id)) };
    tabs.set(id, tab);
    return tab;
  }

  // A tab has gone: nobody waits for its calls, and what only it wanted is unsubscribed.
  function remove(id: string): void {
    const tab = tabs.get(id);
    if (!tab) return;
    tabs.delete(id);
    tab.forget();
    for (const call of tab.calls.values()) call.abort();
    const topics = [...tab.topics];
    for (let i = 0; isOpen && i < topics.length; i += BATCH) {
      const part = topics.slice(i, i + BATCH);
      ask({ r: 0, action: "unsubscribe", members: { topics: part }, topics: part });
    }
    host.check();
  }

  function call(id: string, tab: Tab, m: Up & { t: "call" }): void {
    const abort = new AbortController();
    tab.calls.set(m.c, abort);
    const end = (end: { data?: unknown; fault?: Fault }) => {
      if (!tab.calls.delete(m.c) || abort.signal.aborted) return;
      const code = isOver && end.fault?.code;
      post({ t: "end", to: id, c: m.c, ...end, unsent: code === "closed", lost: code === "unknown_outcome" });
    };
    client.call(m.action, m.input, { ...m.options, signal: abort.signal }).then(
      (data) => end({ data }),
      (error) => end({ fault: faultOf(error) }),
    );
  }

  return {
    name,
    receive(from, m) {
      if (isOver) return;
      if (m.t === "bye") {
        remove(from);
        return;
      }
      const tab = tabs.get(from) ?? add(from);
      switch (m.t) {
        case "hello":
          post({ t: "welcome", to: from, state: client.state, n: isOpen ? n : 0 });
          break;
        case "ping":
          after(0, () => isOver || post({ t: "pong" })); // a page that is frozen does not answer
          break;
        case "request":
          if (isOpen && m.n === n) {
            const topics = topicsOf(m.members);
            if (m.action === "subscribe") for (const topic of topics) tab.topics.add(topic);
            if (m.action === "unsubscribe") for (const topic of topics) tab.topics.delete(topic);
            ask({ from, r: m.r, action: m.action, members: m.members, topics });
          }
          break;
        case "call":
          call(from, tab, m);
          break;
        case "abort":
          tab.calls.get(m.c)?.abort();
          break;
        case "send":
          client.send(m.action, m.input);
          break;
        case "settled":
          if (m.n === n) {
            tab.settled = m.settled;
            host.check();
          }
          break;
        case "restart":
          if (isOpen && m.n === n) host.restart();
          break;
        case "wake":
          client.retry();
          break;
        case "retry": {
          const { state } = client;
          if (m.at === undefined || ("retryAt" in state && state.retryAt === m.at)) client.retry();
        }
      }
    },
    end(then) {
      isOver = true;
      post({ t: "state", state: { name: "connecting" } }); // so that no tab passes on calls that it gets back
      for (const tab of tabs.values()) tab.forget();
      client.close();
      // The calls end in microtasks.
      const waits = () => [...tabs.values()].some((tab) => tab.calls.size);
      const wait = (tries: number): void => {
        if (tries && waits()) queueMicrotask(() => wait(tries - 1));
        else then();
      };
      wait(50);
    },
  };
}

function topicsOf(members: { topic?: unknown; topics?: unknown }): string[] {
  const { topic, topics } = Object(members);
  const all: any[] = Array.isArray(topics) ? topics : [topic];
  return all.map((one) => (typeof one === "object" && one ? one.topic : one)).filter((one) => typeof one === "string");
}

/** What of an error travels between tabs. */
export function faultOf(error: unknown): Fault {
  const { code, message, retryAfterMs, details } = Object(error) as Fault;
  return { code, message, retryAfterMs, details };
}
