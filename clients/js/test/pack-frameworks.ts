// The adapters with the types of their frameworks; test/pack.test.mjs compiles it.
import { connect, type TopicEvent } from "gatesock";
import * as react from "gatesock/react";
import { presenceStore, stateStore, topicStore } from "gatesock/svelte";
import * as vue from "gatesock/vue";
import { ref } from "vue";

const client = connect({ url: "wss://example.com/prod" });

export function Room({ room }: { room: string | null }): string {
  const { events, established, error } = react.useTopic(client, room, { last: 50, keep: 200 });
  const { members, count } = react.usePresence(client, room, { as: "ann" });
  const state = react.useClientState(client);
  // @ts-expect-error There is no such option.
  react.useTopic(client, room, { first: 50 });
  // @ts-expect-error A topic has a name.
  react.useTopic(client, 7);
  return [events[0]?.event, established?.recovered, error?.message, members?.length, count, state.name].join();
}

interface Chat {
  routes: {};
  pushes: { message: { text: string }; left: { name: string } };
}
const chat = connect<Chat>({ url: "wss://example.com/prod" });

export function Texts(): string[] {
  const { events } = react.useTopic(chat, "a");
  const view = vue.useTopic(chat, "a");
  const store = topicStore(chat, "a");
  const numbers = react.useTopic<Chat, TopicEvent<"number", number>>(chat, "another");
  return [...events, ...view.value.events, ...store.get().events]
    .map((e) => e.event === "message" ? e.data.text : e.data.name)
    .concat(numbers.events.map((e) => e.data.toFixed()));
}

export function setup(): () => string {
  const room = ref("a");
  const view = vue.useTopic(client, room, { last: 50 });
  const other = vue.useTopic(client, () => `${room.value}:other`);
  const who = vue.usePresence(client, "a");
  const state = vue.useClientState(client);
  // @ts-expect-error Only the composable changes it.
  state.value = { name: "online" };
  return () => [view.value.events.length, other.value.error?.message, who.value.count, state.value.name].join();
}

export const stores: (() => void)[] = [
  topicStore(client, "a", { last: 50 }).subscribe((view) => view.events.at(-1)?.position.offset.toFixed()),
  presenceStore(client, "a").subscribe((view) => view.members?.length),
  stateStore(client).subscribe((state) => state.name),
];
