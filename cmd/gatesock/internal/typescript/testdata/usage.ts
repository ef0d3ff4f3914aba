// How a client uses the types of the chat. This file must compile: a line after @ts-expect-error must
// not.
import {
  api, envelope, keepAlive, oneWay,
  type Api, type ApiError, type ErrorCode, type ErrorFrame, type Frame, type Joined, type Message,
  type PushFrame, type Pushes, type ReplyFrame, type RequestFrame, type Routes,
} from "./chat";
import type { Api as AnyApi, Client, Options } from "./client";

declare function call<K extends keyof Routes>(route: K, input: Routes[K]["input"]): Promise<Routes[K]["output"]>;
declare function on<K extends keyof Pushes>(event: K, listener: (data: Pushes[K], topic?: string) => void): void;
declare function receive(): Frame;

export async function requests(): Promise<void> {
  const said: Message = await call("say", { room: "lobby", text: "hello", key: "k" });
  const id: number = said.id;
  const key: string | undefined = said.key;
  const joined: Joined = await call("join", { room: "lobby" });
  for (const m of joined.messages ?? []) m.text.trim();
  await call("join", { room: "lobby", name: "Ann" });
  const left: null = await call("leave", { room: "lobby" });
  const typed: void = await call("typing", { room: "lobby" });

  // @ts-expect-error There is no such route.
  await call("shout", { room: "lobby" });
  // @ts-expect-error The gateway's own routes are not called by name.
  await call("$default", {});
  // @ts-expect-error The keep-alive route has no handler.
  await call("keepalive", {});
  // @ts-expect-error The key is required.
  await call("say", { room: "lobby", text: "hello" });
  // @ts-expect-error The room is a string.
  await call("say", { room: 7, text: "hello", key: "k" });
  // @ts-expect-error There is no such property.
  await call("join", { room: "lobby", nick: "Ann" });
  // @ts-expect-error The action and the id are the client's business.
  await call("join", { action: "join", room: "lobby" });
  // @ts-expect-error The messages may be null.
  joined.messages.length;
  // @ts-expect-error The key may be absent.
  said.key.length;
  // @ts-expect-error The answer to join is not a message.
  const wrong: Message = await call("join", { room: "lobby" });
  void [id, key, left, typed, wrong];
}

export function pushes(): void {
  on("message", (m, topic) => { m.text.trim(); topic?.trim(); });
  on("joined", (n) => { n.online.names?.join(); });
  // @ts-expect-error There is no such event.
  on("shouted", () => {});
  // @ts-expect-error A notice has no text.
  on("left", (n) => n.text);
}

export function errors(e: ApiError): ErrorCode | undefined {
  const codes: ErrorCode[] = ["rate_limited", "internal"];
  e.code = "a_code_of_the_application";
  e.code = "not_found";
  const wait: number = e.retryAfterMs ?? 0;
  // @ts-expect-error Not a code of the protocol.
  codes.push("no_such_code");
  // @ts-expect-error A code is a string.
  e.code = 404;
  // @ts-expect-error Details can be anything, so look before you use them.
  e.details.limit;
  void wait;
  return codes[0];
}

export function frames(): void {
  const request: RequestFrame<"say"> = { action: "say", id: "1", room: "lobby", text: "hello", key: "k" };
  const any: RequestFrame = request;
  const reply: ReplyFrame<"leave"> = { action: "leave", data: null };
  const error: ErrorFrame = { id: 7, action: "say", error: { code: "internal", message: "internal error" } };
  const push: PushFrame<"left"> = { event: "left", topic: "room:lobby", data: { name: "Ann", at: "", online: { names: null, count: 0, version: 1 } } };
  const frame = receive();
  if (!Array.isArray(frame) && "event" in frame && frame.event === "message") {
    frame.data.text.trim();
  }
  if (!Array.isArray(frame) && "data" in frame && "action" in frame && frame.action === "join") {
    frame.data.online.count.toFixed();
  }
  // @ts-expect-error The action of a request to say is "say".
  const other: RequestFrame<"say"> = { action: "join", room: "lobby", text: "hello", key: "k" };
  // @ts-expect-error The room is missing.
  const less: RequestFrame<"leave"> = { action: "leave" };
  // @ts-expect-error An id is a string.
  const number: RequestFrame<"leave"> = { action: "leave", id: 7, room: "lobby" };
  // @ts-expect-error A push has an event.
  const silent: PushFrame = { data: null };
  void [any, reply, error, push, other, less, number, silent];
}

export function constants(): void {
  const action: "action" = envelope.action;
  const input: undefined = envelope.input;
  const message: string = keepAlive.message;
  const silent: readonly (keyof Routes)[] = oneWay;
  const first: "typing" = oneWay[0];
  // @ts-expect-error The names do not change.
  envelope.action = "type";
  void [action, input, message, silent, first];
}

// connect is that of the npm package gatesock.
declare function connect<A extends AnyApi = AnyApi>(options: Options): Client<A>;

export async function client(): Promise<void> {
  const chat = connect<Api>({ url: "wss://example.com", ...api });
  const said: Message = await chat.call("say", { room: "lobby", text: "hello", key: "k" }, { idempotent: true });
  const joined: Joined = await chat.call("join", { room: "lobby" });
  const left: null = await chat.call("leave", { room: "lobby" });
  const sent: boolean = chat.send("typing", { room: "lobby" });
  const end: () => void = chat.onPush("message", (m, push) => { m.text.trim(); push.topic?.trim(); });
  // @ts-expect-error There is no such route.
  await chat.call("shout", { room: "lobby" });
  // @ts-expect-error The key is required.
  await chat.call("say", { room: "lobby", text: "hello" });
  // @ts-expect-error The answer to join is not a message.
  const wrong: Message = await chat.call("join", { room: "lobby" });
  // @ts-expect-error There is no such event.
  chat.onPush("shouted", () => {});
  void [said, joined, left, sent, end, wrong];
}
