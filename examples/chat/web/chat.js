// The page: the door, to choose a name and a room, and the chat behind it.

import { alert } from "./alerts.js";
import { Drafts, Later } from "./drafts.js";
import { keepFocus } from "./focus.js";
import { connect, GatesockError } from "./gatesock.js";
import * as log from "./log.js";
import { Presence } from "./presence.js";
import { SignedOut, SignIn } from "./signin.js";
import { keep, load } from "./storage.js";

const MAX_NAME = 32; // the server's limits, in characters
const MAX_TEXT = 2000;
const ROOM = /^[a-z0-9-]{1,32}$/;
const TYPING_EVERY = 2_000;
const REJOIN = 2_000; // ms after which the page joins again if the server does not know it in the room
const EXPIRED = 5_000; // ms after the end of a token from which on the page may have missed something
const SILENT = ["token", "refused", "rate_limited"]; // problems that the state of the connection shows

const $ = (selector) => document.querySelector(selector);
const text = $("#text");

const meta = (name) => $(`meta[name=${name}]`).content;
const gateway = new URL(meta("gateway"), location);

// Without sign-in there is no session, and people choose their names.
const session = meta("issuer") ? new SignIn({ issuer: meta("issuer"), client: meta("client"), scope: meta("scope") }) : null;
const drafts = new Drafts(say);
const presence = new Presence();
let me = "";
let room = "";
let client = null; // of gatesock, while the page is in a room
let messages = null; // the subscription to the room
let joins = 0; // how often the server has confirmed that
let joined = false; // over the present connection
let lost = new AbortController(); // aborts when that has ended
let typedAt = 0; // when the last typing notice was sent
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
  client?.close();
  client = null;
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

// Returns the token for a connection. After a failed attempt it is a new one, because a browser does
// not report a refusal to the page.
let isDoubted = false;

async function token() {
  const doubted = isDoubted;
  isDoubted = true;
  return signedIn(() => session.token({ doubted }));
}

// Sends a new token over the connection.
async function renew() {
  const fresh = await signedIn(() => session.token({ doubted: true }));
  await client.call("authenticate", { token: fresh }, { idempotent: true, signal: lost.signal });
}

// Runs a function, and goes back to the door if the sign-in has ended.
async function signedIn(run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SignedOut) {
      showDoor();
      alert(error.message);
    }
    throw error;
  }
}

// A connection receives nothing after its token has expired, so the page sends a new token before.
// If it could not, because the computer was asleep, it connects again.
let renewal = 0;

function keepRenewed() {
  clearTimeout(renewal);
  if (!session || client?.state.name !== "online") return;
  renewal = setTimeout(async () => {
    if (session.expiredFor > EXPIRED) return reopen();
    try {
      await renew();
      drafts.flush();
    } catch {
      // It is tried again soon, or on the next connection.
    }
    keepRenewed();
  }, session.renewIn);
}

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
  const { rooms } = drafts;
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
  drafts.open(room, me);
  text.focus();
  open();
}

// Connects and joins the room, to go on from a position if there is one.
function open(since) {
  const topic = topicOf(room);
  client = connect({ url: gateway.href, token: session ? token : undefined, protocols: session ? ["chat.v1"] : [] });
  client.on("state", showState);
  client.on("problem", (error) => SILENT.includes(error.code) || alert(error.message));
  client.on("limited", ({ retryAfterMs = 1_000 }) => {
    drafts.wait();
    showWait(Date.now() + 1.25 * retryAfterMs); // the client waits up to a quarter longer
  });
  client.onPush("typing", (data, push) => push.topic === topic && presence.types(data.name));
  messages = client.subscribe(topic, { last: 50, since });
  messages.on("established", (e) => {
    joins++;
    joined = true;
    log.hush();
    if (!e.recovered) log.notice("", "Messages are missing here");
    drafts.flush();
  });
  messages.on("event", ({ event, data }) => {
    if (event !== "message") return;
    presence.typed(data.name);
    drafts.settle(data);
  });
  messages.on("error", refused);
  client.presence(topic, { as: session ? undefined : { name: me } }).on("change", (members, n) => presence.show(members, n));
  showLink();
}

// Starts over on a new connection, without a gap.
function reopen() {
  if (!client) return;
  client.close();
  open(messages.position);
}

// The server has refused the room.
function refused(error) {
  if (error.code === "unauthenticated" && joined) {
    isDoubted = true; // the token has expired meanwhile
    return reopen();
  }
  showDoor();
  if (error.code === "permission_denied") return check("room", false, `You may not enter: ${error.message}.`);
  alert(`You could not join: ${error.message}`);
}

function topicOf(room) {
  return `room:${room}`;
}

$("#leave").addEventListener("click", showDoor);

addEventListener("hashchange", showDoor); // another room, written into the address

// The conversation.

// Sends a message, and returns whether it is still to come from the server. Under its key the room
// has it once, however often it is sent.
async function say(draft) {
  if (!joined) throw new Later();
  const { room, text, key } = draft;
  const before = joins;
  const send = () => client.call("say", { room, text }, { key, expires: Infinity, signal: lost.signal });
  try {
    const { epoch, offset } = await send().catch(async (error) => {
      if (!session || error.code !== "unauthenticated") throw error;
      await renew();
      return send();
    });
    const { position } = messages;
    return epoch !== position.epoch || offset > position.offset;
  } catch (error) {
    if (error.code === "failed_precondition") {
      // The page is not in the room. If its connection was just replaced, it will be in a moment.
      if (joins !== before) return say(draft);
      setTimeout(() => joins === before && client?.state.name === "online" && reopen(), REJOIN);
    } else if (error instanceof GatesockError && !["closed", "unknown_outcome"].includes(error.code)) throw error;
    throw new Later(); // when the page is in the room again, or signed in
  }
}

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
  drafts.add(words);
  drafts.flush();
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
  client.send("typing", { room });
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

// The state of the connection.

function showState({ name }) {
  joined = false;
  if (name === "online") isDoubted = false;
  else {
    lost.abort(new Later());
    lost = new AbortController();
    presence.quiet();
  }
  keepRenewed();
  showLink();
}

$("#retry").addEventListener("click", () => client.retry());
setInterval(() => client?.state.retryAt && showLink(), 250);
setInterval(() => waitUntil && showWait(waitUntil), 250);

// Counts down until the server accepts messages again.
function showWait(until) {
  const seconds = Math.ceil((until - Date.now()) / 1000);
  waitUntil = seconds > 0 ? until : 0;
  $("#wait").hidden = !waitUntil;
  write($("#wait-text"), waitUntil ? "You are sending too much. What is waiting goes out" : "");
  write($("#wait-seconds"), waitUntil ? `in ${seconds} s.` : "");
}

const reasons = {
  connecting: "Connecting…",
  offline: "You are offline.",
  waiting: "The connection is down.",
  refused: "The server cannot be reached.",
};

function showLink() {
  const { name: state, retryAt } = client?.state ?? { name: "closed" };
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
  const isWaiting = state === "waiting" || state === "refused";
  const names = { connecting: "Connecting…", online: "Online", offline: "Offline", closed: "" };
  $("#link").dataset.state = state;
  write($("#link-text"), names[state] ?? "Reconnecting");
  write($("#link-seconds"), isWaiting ? `in ${seconds} s` : "");

  const wasDown = !$("#down").hidden;
  keepFocus(() => {
    $("#down").hidden = state === "online" || (state === "connecting" && !wasDown);
    $("#retry").hidden = state === "connecting";
  });
  const reason = reasons[state] ?? "";
  const n = drafts.size;
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
