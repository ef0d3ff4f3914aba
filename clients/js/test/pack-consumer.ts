// A program that uses the package; test/pack.test.mjs compiles it where the package is installed. A
// line after @ts-expect-error must not compile.
import { connect, GatesockError } from "gatesock";
import type { Established, Position, State, Subscription, TopicEvent } from "gatesock";
import { connect as connectCore } from "gatesock/core";
import type { CoreClient } from "gatesock/core";

interface Api {
  routes: {
    say: { input: { room: string; text: string }; output: { id: number } };
    list: { input: { room?: string }; output: string[] };
  };
  pushes: { notice: { text: string } };
}

const client = connect<Api>({
  url: new URL("wss://example.com/prod"),
  token: async () => "token",
  idempotent: ["list"],
});

export async function calls(): Promise<void> {
  const { id } = await client.call("say", { room: "a", text: "hello" }, { timeout: 1000, lane: "a" });
  const list: string[] = await client.call("list");
  const sent: boolean = client.send("list", {});
  // @ts-expect-error There is no such action.
  await client.call("shout", {});
  // @ts-expect-error The text is missing.
  await client.call("say", { room: "a" });
  // @ts-expect-error There is no such option.
  await client.call("list", {}, { tries: 3 });
  void [id.toFixed(), list, sent];
}

export async function errors(): Promise<string> {
  try {
    await client.call("list");
  } catch (e) {
    if (e instanceof GatesockError) {
      const wait: number | undefined = e.retryAfterMs;
      const details: unknown = e.details;
      const code: string = e.code;
      return [code, wait, details].join();
    }
  }
  return "";
}

export async function topics(since: Position): Promise<void> {
  const subscription: Subscription = client.subscribe("room:1", { since, last: 50 });
  const established: Established = await subscription.established;
  subscription.on("event", (event) => void event.position.offset.toFixed());
  for await (const event of subscription) {
    const e: TopicEvent = event;
    void e;
    break;
  }
  const presence = client.presence("room:1", { as: { typing: true } });
  presence.on("change", (members, count) => void [members?.[0]?.user, count]);
  void established;
}

export function listens(): void {
  const end: () => void = client.on("state", (state: State) => {
    if (state.name === "waiting") {
      state.retryAt.toFixed();
    }
    // @ts-expect-error Not every state has it.
    state.retryAt;
  });
  client.on("problem", (error) => error.code.trim());
  client.onPush("notice", (data) => data.text.trim());
  // @ts-expect-error There is no such event.
  client.onPush("other", () => {});
  client.retry();
  client.close();
  end();
}

export const core: CoreClient = connectCore({ url: "wss://example.com/prod" });

export async function untyped(): Promise<void> {
  const answer: unknown = await core.call("anything", { room: "a" });
  // @ts-expect-error The core has no topics.
  core.subscribe("room:1");
  void answer;
}
