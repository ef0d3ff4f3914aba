// The page: the door, to choose a name and a room, and the chat behind it.

import { alert } from "./alerts.js";
import { keepFocus } from "./focus.js";
import { Link, LinkError, RequestError } from "./link.js";
import * as log from "./log.js";
import { Outbox } from "./outbox.js";
import { Presence } from "./presence.js";
import { SignedOut, SignIn } from "./signin.js";
import { keep, load } from "./storage.js";
import { Topics } from "./topics/topics.js";

const MAX_NAME = 32; // the server's limits, in characters
const MAX_TEXT = 2000;
const ROOM = /^[a-z0-9-]{1,32}$/;
const TYPING_EVERY = 2_000;

const $ = (selector) => document.querySelector(selector);
const text = $("#text");

const meta = (name) => $(`meta[name=${name}]`).content;
const gateway = new URL(meta("gateway"), location);
gateway.protocol = gateway.protocol.replace("http", "ws");

// Without sign-in there is no session, and people choose their names.
const session = meta("issuer") ? new SignIn({ issuer: meta("issuer"), client: meta("client"), scope: meta("scope") }) : null;
const link = new Link(gateway, session ? protocols : undefined);
const topics = new Topics(request);
const outbox = new Outbox(say, (until) => showWait(until));
const presence = new Presence();
let me = "";
let room = "";
let joined = false; // over the present connection
let typedAt = 0; // when the last typing notice was sent
let retryAt = 0; // when the link tries again
let waitUntil = 0; // when the server accepts messages again, after too many

// The door.

$("#join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = session ? (session.who?.name ?? "") : $("#name").value.trim();
  const room = $("#room").value.trim().toLowerCase();
  const roomIsRight = check("room", ROOM.test(room), 'Choose a room: 1 to 32 of a to z, 0 to 9 and "-".');
  const nameIsRight = session ? name !== "" : check("name", name !== "" && length(name) <= MAX_NAME, `Enter a name of 1 to ${MAX_NAME} characters.`);
  if (nameIsRight && roomIsRight) enter(name, room);
});

// Shows the problem of a field and moves the focus there.
function check(id, isRight, problem) {
  const input = $(`#${id}`);
  input.ariaInvalid = String(!isRight);
  $(`#${id}-error`).textContent = isRight ? "" : problem;
  $(`#${id}-error`).hidden = isRight;
  if (!isRight) input.focus();
  return isRight;
}

function showDoor() {
  topics.unsubscribe(topicOf(room));
  link.close();
  $("#chat").hidden = true;
  $("#door").hidden = false;
  $("#name").value = load("name", "");
  $("#room").value = roomInAddress() || "lobby";
  document.title = "Chat";
  showUnsent();
  showAccount();
}

// Shows the door: sign-in, or the choice of a room, and of a name if there is no sign-in.
function showAccount() {
  const who = session?.who;
  const isOut = session && !who;
  $("#welcome").textContent = isOut
    ? "Sign in to talk to others."
    : session
      ? "Choose a room. Everyone in the same room can talk to you."
      : "Choose a name and a room. Everyone in the same room can talk to you.";
  $("#sign-in").hidden = !isOut;
  $("#account").hidden = !who;
  $("#name-field").hidden = Boolean(session);
  $("#room-field").hidden = $("#enter").hidden = isOut;
  $("#who").textContent = who?.name ?? "";
  $("#badge").hidden = !who?.scopes.includes("chat:staff");
  $(isOut ? "#sign-in" : session ? "#room" : "#name").focus();
}

$("#sign-in").addEventListener("click", async () => {
  try {
    await session.start(load("name", ""));
  } catch (error) {
    alert(error.message);
  }
});

$("#sign-out").addEventListener("click", () => {
  session.out();
  showAccount();
});

// The subprotocols of a handshake: the chat's own, and the token (see authz.SubprotocolToken).
// After a failed attempt it uses a new token, because a browser does not report a refusal to the
// page.
async function protocols({ refused }) {
  try {
    return ["chat.v1", `bearer.${await session.token({ doubted: refused })}`];
  } catch (error) {
    if (error instanceof SignedOut) leave(error);
    throw error;
  }
}

// Back to the door, because the sign-in has ended.
function leave(error) {
  showDoor();
  alert(error.message);
}

// Sends a request. If the token has expired, it replaces the token first.
async function request(action, members) {
  try {
    return await link.request(action, members);
  } catch (error) {
    if (!session || error.code !== "unauthenticated") throw error;
  }
  try {
    await link.request("authenticate", { token: await session.token({ doubted: true }) });
  } catch (error) {
    if (error instanceof SignedOut) leave(error);
    throw error instanceof RequestError || error instanceof SignedOut ? error : new LinkError(error.message);
  }
  return link.request(action, members);
}

// A connection receives nothing after its token has expired, so the page sends a new token before.
// If that fails, for example without a network, the server reports the connection as unknown, and
// the link starts over.
let renewal = 0;

function keepRenewed() {
  clearTimeout(renewal);
  if (!session || link.state !== "online") return;
  renewal = setTimeout(async () => {
    try {
      await link.request("authenticate", { token: await session.token({ doubted: true }) });
      topics.wake(); // extends the presence
    } catch (error) {
      if (error instanceof SignedOut) return leave(error);
    }
    keepRenewed();
  }, session.renewIn);
}

link.addEventListener("check", () => topics.wake());

// The room in the address, or "" if there is no valid one.
function roomInAddress() {
  try {
    const room = decodeURIComponent(location.hash.slice(1)).toLowerCase();
    return ROOM.test(room) ? room : "";
  } catch {
    return ""; // a stray %
  }
}

// Shows which rooms have unsent messages.
function showUnsent() {
  const { rooms } = outbox;
  $("#unsent").hidden = rooms.length === 0;
  if (rooms.length === 0) return;
  const where = new Intl.ListFormat("en").format(new Set(rooms));
  const what = rooms.length === 1 ? "One message is not sent. It is" : `${rooms.length} messages are not sent. They are`;
  $("#unsent").textContent = `${what} kept in this tab until you join ${where} again.`;
}

function enter(name, where) {
  me = name;
  room = where;
  keep("name", name);
  history.replaceState(null, "", `#${room}`);
  document.title = `${room} – Chat`;
  $("#title").textContent = room;
  $("#door").hidden = true;
  $("#chat").hidden = false;
  log.clear();
  showWait(0);
  presence.clear(me);
  text.value = load(`text ${room}`, "");
  typedAt = 0;
  measure();
  outbox.open(room, me);
  text.focus();
  topics.subscribe(topicOf(room), { last: 50, presence: true, as: session ? undefined : { name: me } }, conversation);
  link.open();
}

function topicOf(room) {
  return `room:${room}`;
}

$("#leave").addEventListener("click", showDoor);

addEventListener("hashchange", showDoor); // another room, written into the address

// The conversation.

// What happens in the topic of the room.
const conversation = {
  subscribed() {
    joined = true;
    log.hush();
    outbox.flush();
  },
  event({ name, data }) {
    if (name !== "message") return;
    presence.typed(data.name);
    outbox.settle(data);
  },
  lost() {
    log.notice("", "Messages are missing here");
  },
  members(members) {
    presence.show(members);
  },
  waiting(error) {
    if (error.code === "rate_limited") showWait(Date.now() + error.retryAfterMs);
  },
  failed(error) {
    showDoor();
    if (error.code === "permission_denied") return check("room", false, `You may not enter: ${error.message}.`);
    alert(`You could not join: ${error.message}`);
  },
};

async function say({ room, text, key }) {
  if (!joined) throw new LinkError("not in the room yet");
  try {
    return topics.expect(topicOf(room), await request("say", { room, text, key }));
  } catch (error) {
    if (error instanceof SignedOut) throw new LinkError(error.message); // it waits for the next sign-in
    if (error.code !== "failed_precondition") throw error;
    link.restart(); // the server does not know this connection
    throw new LinkError(error.message);
  }
}

link.addEventListener("push", ({ detail: push }) => {
  if (!topics.receive(push) && push.topic === topicOf(room) && push.event === "typing") presence.types(push.data.name);
});

link.addEventListener("fault", ({ detail }) => alert(detail.message));

$("#composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = text.value.trim();
  text.focus();
  if (words === "") return;
  if (length(words) > MAX_TEXT) return alert(`A message has at most ${MAX_TEXT} characters. This one has ${length(words)}.`);
  text.value = "";
  keep(`text ${room}`, "");
  typedAt = 0;
  measure();
  outbox.add(words);
  outbox.flush();
  showLink();
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("#composer").requestSubmit();
});

text.addEventListener("input", () => {
  keep(`text ${room}`, text.value);
  measure();
  if (!joined || text.value === "" || Date.now() - typedAt < TYPING_EVERY) return;
  typedAt = Date.now();
  link.send("typing", { room });
});

// Adjusts the height of the field to its text, and shows a count if the text is long.
function measure() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
  const n = length(text.value.trim());
  $("#count").hidden = n < MAX_TEXT * 0.9;
  $("#count").textContent = `${n} of ${MAX_TEXT} characters`;
  $("#count").classList.toggle("over", n > MAX_TEXT);
}

function length(string) {
  return [...string].length;
}

// The state of the link.

link.addEventListener("state", ({ detail }) => {
  joined = false;
  retryAt = detail.retryAt ?? 0;
  detail.state === "online" ? topics.online() : topics.offline();
  keepRenewed();
  if (detail.state !== "online") presence.quiet();
  showLink();
});

$("#retry").addEventListener("click", () => link.retry());
setInterval(() => retryAt && showLink(), 250);
setInterval(() => waitUntil && showWait(waitUntil), 250);

// Counts down until the server accepts messages again.
function showWait(until) {
  const seconds = Math.ceil((until - Date.now()) / 1000);
  waitUntil = seconds > 0 ? until : 0;
  $("#wait").hidden = !waitUntil;
  write($("#wait-text"), waitUntil ? "You are sending too much. What is waiting goes out" : "");
  write($("#wait-seconds"), waitUntil ? `in ${seconds} s.` : "");
}

function showLink() {
  const state = link.state;
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
  const names = { connecting: "Connecting…", online: "Online", waiting: "Reconnecting", offline: "Offline", closed: "" };
  $("#link").dataset.state = state;
  write($("#link-text"), names[state]);
  write($("#link-seconds"), state === "waiting" ? `in ${seconds} s` : "");

  const wasDown = !$("#down").hidden;
  keepFocus(() => {
    $("#down").hidden = state === "online" || (state === "connecting" && !wasDown);
    $("#retry").hidden = state === "connecting";
  });
  const reason = { offline: "You are offline.", waiting: "The connection is down.", connecting: "Connecting…" }[state] ?? "";
  const n = outbox.size;
  const promise = n === 0 ? "" : n === 1 ? " Your message will be sent when it is back." : ` ${n} messages will be sent when it is back.`;
  write($("#down-text"), reason + promise);
}

// Writes only changes, so that a screen reader reads each text once.
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

// The start: after a reload the page enters the same room again.

showAccount();
try {
  await session?.finish();
} catch (error) {
  alert(error.message);
}
showDoor();
const known = session ? session.who : $("#name").value;
if (known && roomInAddress()) $("#join").requestSubmit();
else if (known) $("#room").focus();
