// What "gatesock types" writes for the chat, with the client itself. This file must compile: a line
// after @ts-expect-error must not.
import { connect, type EventOf, type TopicEvent } from "gatesock";
import { api, type Api, type Joined, type Message, type Notice } from "../../../cmd/gatesock/internal/typescript/testdata/chat.js";

const client = connect<Api>({ url: "wss://example.com/prod", ...api });

export async function calls(): Promise<void> {
  const said: Message = await client.call("say", { room: "lobby", text: "hello", key: "k" }, { lane: "lobby" });
  const joined: Joined = await client.call("join", { room: "lobby" });
  // @ts-expect-error The input has members that are required.
  await client.call("join");
  // @ts-expect-error The key is missing.
  await client.call("say", { room: "lobby", text: "hello" });
  // @ts-expect-error The route is one-way: there would be no answer.
  await client.call("typing", { room: "lobby" });
  const sent: boolean = client.send("typing", { room: "lobby" });
  void [said, joined, sent];
}

export async function topics(): Promise<void> {
  const subscription = client.subscribe("room:lobby", { last: 50 });
  subscription.on("event", (event) => {
    if (event.event === "message") {
      const m: Message = event.data;
      void m;
    }
    if (event.event === "left") {
      const n: Notice = event.data;
      void n;
    }
  });
  for await (const event of client.subscribe<TopicEvent<"message", Message>>("room:lobby")) {
    const text: string = event.data.text;
    void text;
  }
  for await (const event of client.subscribe<TopicEvent>("another")) {
    const data: unknown = event.data;
    // @ts-expect-error It may be anything.
    event.data.text;
    void data;
  }
}

interface Reports {
  routes: {
    report: { input: { day: string }; output: null };
    list: { input: { [key: string]: unknown }; output: string[] };
  };
  pushes: { report: { rows: number } };
}

export async function results(): Promise<void> {
  const reports = connect<Reports>({ url: "wss://example.com/prod" });
  const accepted: null = await reports.call("report", { day: "today" });
  const { rows } = await reports.call("report", { day: "today" }, { result: true });
  const list: string[] = await reports.call("list");
  const any: unknown = await connect({ url: "wss://example.com/prod" }).call("report", { day: "today" }, { result: true });
  // @ts-expect-error Nothing follows.
  const more: { rows: number } = await reports.call("list", {}, { result: true });
  void [accepted, rows.toFixed(), list, any, more];
}

export const event: EventOf<Reports>["event"] = "report";
