// Compiled by tsc, not run: connect is typed end to end by what `gatesock types` writes.

import { connect, GatesockError, type CallOptions, type State } from "../src/core.js";

interface ChatApi {
  routes: {
    say: { input: { text: string }; output: { offset: number } };
    leave: { input: Record<string, never>; output: null };
    find: { input: { text?: string }; output: string[] };
  };
  pushes: {
    message: { from: string; text: string };
    typing: { from: string };
  };
}

export async function use(): Promise<void> {
  const client = connect<ChatApi>({ url: "wss://example.com", token: async () => "secret", idempotent: ["find"] });

  const { offset } = await client.call("say", { text: "hello" });
  offset satisfies number;
  const found = await client.call("find");
  found satisfies string[];
  (await client.call("leave")) satisfies null;
  const options: CallOptions = {
    signal: AbortSignal.timeout(1), timeout: 1, expires: 1, idempotent: true, key: "a", lane: "a", result: true,
  };
  await client.call("say", { text: "hello" }, options);
  client.send("leave") satisfies boolean;

  // @ts-expect-error there is no such action
  await client.call("shout", { text: "hello" });
  // @ts-expect-error a text is not a number
  await client.call("say", { text: 7 });
  // @ts-expect-error there is no such member in the answer
  (await client.call("say", { text: "hello" })).position;
  // @ts-expect-error there is no such option
  await client.call("say", { text: "hello" }, { retries: 3 });
  // @ts-expect-error a text is missing
  await client.call("say");
  // @ts-expect-error there is no such action
  client.send("shout");
  // @ts-expect-error a text is missing
  client.send("say");

  client.onPush("message", ({ from, text }, push) => {
    from satisfies string;
    text satisfies string;
    push.topic satisfies string | undefined;
  });
  // @ts-expect-error there is no such event
  client.onPush("joined", () => {});
  // @ts-expect-error there is no such member
  client.onPush("typing", ({ text }) => text);

  const stop: () => void = client.on("state", (state) => {
    if (state.name == "waiting") state.retryAt satisfies number;
    // @ts-expect-error only some states have it
    state.retryAt;
  });
  stop();
  client.on("problem", (problem) => problem.code satisfies string);
  // @ts-expect-error there is no such event
  client.on("error", () => {});

  const state: State = client.state;
  // @ts-expect-error it is for reading
  client.state = state;
  // @ts-expect-error the surroundings are not for apps
  connect({ url: "" }, {});
  // @ts-expect-error url is missing
  connect({});

  try {
    await client.call("find");
  } catch (e) {
    if (e instanceof GatesockError && e.code == "rate_limited") e.retryAfterMs satisfies number | undefined;
  }

  // Without the types of an application, anything may be sent.
  const any = connect({ url: new URL("wss://example.com") });
  (await any.call("whatever", { a: 1 })) satisfies unknown;
  any.onPush("whatever", (data) => data satisfies unknown);
}
