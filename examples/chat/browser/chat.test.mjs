// The chat in a real browser, against the program that "make chat" runs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, limit, Window } from "./browser.mjs";
import { Server } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([Server.create("-open"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.destroy();
});

// chat runs a test in its own room, with a function that joins it in a new window.
function chat(room, name, run) {
  test(name, limit, async () => {
    const windows = [];
    const join = async (who, options) => {
      const window = await Window.join(browser, server.url, who, room, options);
      windows.push(window);
      return window;
    };
    try {
      await run(join, room);
      for (const window of windows) assert.deepEqual(window.problems, []);
    } catch (error) {
      for (const [i, window] of windows.entries()) await window.screenshot(`failed-${room}-${i + 1}`).catch(() => {});
      throw error;
    } finally {
      await Promise.all(windows.map((window) => window.context.close()));
    }
  });
}

chat("lobby", "Two windows talk", async (join) => {
  const ann = await join("Ann", { viewport: { width: 1280, height: 720 } });
  const bob = await join("Bob");
  await ann.notice("Bob joined");
  await ann.online("Ann", "Bob");

  await ann.say("Hello, Bob!");
  await bob.hears("Hello, Bob!");
  await bob.say("Hello, Ann. This is the emulated gateway:\nthe same handlers will run in Lambda.");
  await ann.hears("Hello, Ann. This is the emulated gateway:\nthe same handlers will run in Lambda.");
  await ann.say("And who else is here?");
  await bob.hears("And who else is here?");

  const typing = ann.page.getByText("Bob is typing…").waitFor(); // it is shown for a few seconds only
  await bob.composer.pressSequentially("Only the two of us");
  await typing;
  assert.equal(await bob.page.locator("#typing").textContent(), "");
  await ann.screenshot("desktop-ann");
  await bob.screenshot("desktop-bob");

  await bob.composer.press("Enter");
  await ann.hears("Only the two of us");
  assert.equal(await ann.page.locator("#typing").textContent(), "");

  await bob.page.getByRole("button", { name: "Leave" }).click();
  await ann.notice("Bob left");
  await ann.online("Ann");
});

chat("several", "Several pushes come in one message", async (join) => {
  const ann = await join("Ann");
  const bob = await join("Bob");
  await ann.say("First");
  await bob.hears("First");
  const { epoch, offset } = await bob.page.evaluate(() => globalThis.positions.at(-1));
  const push = (n, text) => ({
    event: "message",
    topic: "room:several",
    epoch,
    offset: offset + n,
    data: { key: `k${n}`, name: "Ann", text, at: new Date().toISOString() },
  });
  await bob.receiveRaw(JSON.stringify([push(2, "Third"), push(1, "Second")]));
  await bob.hears("Second");
  await bob.hears("Third");
  assert.deepEqual(await bob.texts(), ["First", "Second", "Third"]);
});

chat("closing", "A closed window leaves", async (join) => {
  const ann = await join("Ann");
  const bob = await join("Bob");
  await ann.online("Ann", "Bob");
  await bob.context.close();
  await ann.notice("Bob left");
  await ann.online("Ann");
});

chat("namesakes", "Mine is what this tab wrote, not what another of the same name wrote", async (join) => {
  const ann = await join("Ann");
  const other = await join("Ann");
  await ann.say("From the first");
  await other.hears("From the first");
  await other.say("From the second");
  await ann.hears("From the second");
  const mine = (window) => window.page.locator("li.mine .text").allTextContents();
  const authors = (window) => window.page.locator("li.message .author").allTextContents();
  for (const when of ["at once", "after a reload"]) {
    assert.deepEqual(await mine(ann), ["From the first"], when);
    assert.deepEqual(await authors(ann), ["You", "Ann"], when);
    assert.deepEqual(await mine(other), ["From the second"], when);
    assert.equal(await ann.page.locator("li.follows").count(), 0, when);
    await Promise.all([ann.page.reload(), other.page.reload()]);
    for (const window of [ann, other]) await window.hears("From the second");
  }
});

chat("heard", "A screen reader hears who wrote a message", async (join) => {
  const ann = await join("Ann");
  await ann.say("Mine");
  await ann.hears("Mine");
  const heard = await ann.page.locator("li.mine").ariaSnapshot();
  assert.match(heard, /You/);
  const { width } = await ann.page.locator("li.mine .author").boundingBox();
  assert.equal(width, 1, "nobody sees it");
});

chat("history", "A late member sees the history", async (join) => {
  const ann = await join("Ann");
  for (const text of ["one", "two", "three"]) {
    await ann.say(text);
    await ann.hears(text);
  }
  const bob = await join("Bob");
  await bob.hears("three");
  assert.deepEqual(await bob.texts(), ["one", "two", "three"]);
});

chat("markup", "What others write is never HTML", async (join) => {
  const ann = await join("Ann");
  const eve = await join("<b>Eve</b>");
  const text = "<img src=x onerror=\"document.title='broken'\"> <script>alert(1)</script>";
  await eve.say(text);
  await ann.hears(text);
  await ann.notice("<b>Eve</b> joined");
  assert.equal(await ann.page.locator("#messages :is(img, script, b), #online b").count(), 0);
  assert.notEqual(await ann.page.title(), "broken");
});

chat("directions", "A name in another direction stays apart from the words around it", async (join) => {
  const ann = await join("Ann");
  const sarah = await join("שרה 1");
  await ann.notice("שרה 1 joined");
  const typing = [ann.page.getByText("שרה 1 is typing…").waitFor(), ann.page.locator("#typing bdi").textContent()];
  await sarah.composer.pressSequentially("שלום");
  assert.equal((await Promise.all(typing))[1], "שרה 1");
  await sarah.composer.press("Enter");
  await ann.hears("שלום");
  assert.equal(await ann.page.locator(".notice bdi").last().textContent(), "שרה 1");
  assert.equal(await ann.page.locator(".message bdi").textContent(), "שרה 1");
});

test("A name that cannot be seen is refused at the door", limit, async () => {
  const ann = await Window.open(browser, server.url);
  await ann.page.getByLabel("Your name").fill("\u2067Ann");
  await ann.page.getByLabel("Room").fill("the-door");
  await ann.page.keyboard.press("Enter");
  await ann.alert('"name" must not have control or format characters');
  await ann.page.locator("#door").waitFor();
  await ann.context.close();
});

chat("garden", "Both recover when the server comes back", async (join) => {
  const ann = await join("Ann");
  const bob = await join("Bob");
  await ann.say("Before");
  await bob.hears("Before");

  assert.equal(await server.stop(), 0, "the program ends cleanly");
  await ann.page.locator("#link[data-state=waiting]").waitFor();
  await ann.say("Meanwhile");
  await ann.say("And this too");
  await ann.page.locator("li[data-state=waiting]").nth(1).waitFor();
  await ann.page.getByText("2 messages will be sent when it is back").waitFor();
  await ann.page.getByText(/^in \d+ s$/).waitFor();
  await ann.screenshot("offline-pending");

  await server.start();
  for (const window of [ann, bob]) {
    await window.state("Online");
    await window.online("Ann", "Bob");
    await window.hears("And this too");
    assert.deepEqual(await window.texts(), ["Before", "Meanwhile", "And this too"]);
    await window.page.locator("#down").waitFor({ state: "hidden" });
  }
  await bob.say("Welcome back");
  await ann.hears("Welcome back");
});

chat("killed", "A server that is killed is noticed", async (join) => {
  const ann = await join("Ann");
  await server.stop("SIGKILL");
  await ann.page.locator("#link[data-state=waiting]").waitFor();
  await server.start();
  await ann.state("Online");
  await ann.say("Back");
  await ann.hears("Back");
});

chat("once", "A message is said once though its answer was lost", async (join) => {
  const ann = await join("Ann");
  const bob = await join("Bob");
  await ann.page.evaluate(() => {
    const socket = globalThis.sockets.at(-1);
    const send = socket.send;
    socket.send = function (frame) {
      send.call(this, frame);
      if (frame.includes('"say"')) this.close(); // the answer comes too late
    };
  });
  await ann.say("Only once");
  await bob.hears("Only once");
  await ann.hears("Only once");
  await ann.say("The next");
  await bob.hears("The next");
  for (const window of [ann, bob]) assert.deepEqual(await window.texts(), ["Only once", "The next"]);
});

chat("forgotten", "A page that the server has forgotten joins again", async (join, room) => {
  const ann = await join("Ann");
  const bob = await join("Bob");
  await ann.sendRaw(JSON.stringify({ action: "unsubscribe", topic: `room:${room}` }));
  await bob.notice("Ann left");
  await ann.say("Where was I?");
  await bob.hears("Where was I?");
  await ann.hears("Where was I?");
});

chat("again", "A refused message can be sent again", async (join) => {
  const ann = await join("Ann");
  await ann.page.evaluate(() => {
    const socket = globalThis.sockets.at(-1);
    const send = socket.send;
    socket.send = function (frame) {
      if (frame.includes('"say"')) socket.send = send;
      send.call(this, frame.replace("Hello", ""));
    };
  });
  await ann.say("Hello");
  await ann.page.getByText('Not sent: "text" is empty').waitFor();
  await ann.page.getByRole("button", { name: "Try again" }).click();
  await ann.hears("Hello");
});

chat("reload", "A reload keeps name, room and drafts", async (join) => {
  const ann = await join("Ann");
  await ann.page.evaluate(() => (globalThis.sockets.at(-1).send = () => {})); // the network swallows it
  await ann.say("Kept");
  await ann.page.locator("li[data-state=sending]").waitFor();
  await ann.page.reload();
  await ann.state("Online");
  await ann.hears("Kept");
  await ann.online("Ann");
});

chat("cellar", "What is left unsent in a room waits for that room", async (join, room) => {
  const ann = await join("Ann", { clock: true });
  const bob = await join("Bob");
  await ann.page.evaluate(() => (globalThis.sockets.at(-1).send = () => {})); // the network swallows it
  await ann.page.clock.pauseAt(Date.now() + 60_000); // so that the page does not give the connection up
  await ann.say("First");
  await ann.say("Second");
  await ann.page.locator("li[data-state=waiting]").waitFor();
  await ann.page.getByRole("button", { name: "Leave" }).click();
  await ann.page.getByText(`2 messages are not sent. They are kept in this tab until you join ${room} again.`).waitFor();
  await ann.screenshot("door-unsent");
  await ann.page.clock.resume();

  await ann.enter("Ann", "attic");
  await ann.say("In the attic");
  await ann.hears("In the attic");
  assert.deepEqual(await ann.texts(), ["In the attic"]);
  await ann.page.reload();
  await ann.hears("In the attic");
  await ann.page.getByRole("button", { name: "Leave" }).click();
  await ann.enter("Ann", room);
  await bob.hears("Second");
  for (const window of [ann, bob]) assert.deepEqual(await window.texts(), ["First", "Second"]);
  await ann.page.getByRole("button", { name: "Leave" }).click();
  await ann.page.locator("#unsent").waitFor({ state: "hidden" });
});

chat("half-written", "A half-written text stays in its room", async (join, room) => {
  const ann = await join("Ann");
  await ann.composer.fill("For this room only");
  await ann.page.getByRole("button", { name: "Leave" }).click();
  await ann.enter("Ann", "another-room");
  assert.equal(await ann.composer.inputValue(), "");
  await ann.page.getByRole("button", { name: "Leave" }).click();
  await ann.enter("Ann", room);
  await ann.page.reload();
  await ann.state("Online");
  assert.equal(await ann.composer.inputValue(), "For this room only");
  await ann.composer.press("Enter");
  await ann.hears("For this room only");
  await ann.page.reload();
  await ann.hears("For this room only");
  assert.equal(await ann.composer.inputValue(), "");
});

test("The address names the room, if there can be such a room", limit, async () => {
  const rooms = { "": "lobby", "#attic": "attic", "#%61ttic": "attic", "#Attic": "attic", "#a%20b": "lobby", "#%E0": "lobby", "#<b>": "lobby" };
  for (const [hash, room] of Object.entries(rooms)) {
    const ann = await Window.open(browser, server.url + hash);
    assert.equal(await ann.page.getByLabel("Room").inputValue(), room, hash);
    assert.deepEqual(ann.problems, []);
    await ann.context.close();
  }
});

for (const [i, spoilt] of ["{", "null", "{}", '[null, 1, {"key": 1}]'].entries()) {
  chat(`spoilt-${i}`, `A page whose storage holds ${spoilt} starts empty`, async (join) => {
    const ann = await join("Ann");
    await ann.page.evaluate((value) => sessionStorage.setItem("drafts", value), spoilt);
    await ann.page.reload();
    await ann.state("Online");
    await ann.say("Alive");
    await ann.hears("Alive");
  });
}

chat("back-online", "The browser's online event ends the wait", async (join) => {
  const ann = await join("Ann", { clock: true });
  await server.stop();
  await ann.page.locator("#link[data-state=waiting]").waitFor();
  await ann.page.clock.pauseAt(Date.now() + 3_600_000); // from now on no timer runs
  await ann.page.locator("#link[data-state=waiting]").waitFor();
  await server.start();
  await ann.page.evaluate(() => dispatchEvent(new Event("online")));
  await ann.state("Online");
});

chat("silence", "A silent page keeps its connection open", async (join) => {
  const ann = await join("Ann", { clock: true });
  const synced = ann.page.evaluate(() => {
    const socket = globalThis.sockets.at(-1);
    return new Promise((resolve) => socket.addEventListener("message", ({ data }) => data.includes('"sync"') && resolve(data)));
  });
  await ann.page.clock.fastForward("06:00");
  assert.match(await synced, /^\{"id":"\d+","action":"sync","data":\{"moved":\[\],"lost":\[\],"extra":\[\],"presence":\[\]\}\}$/);
});

chat("workshop", "Bad input gets a clear error, and the chat goes on", async (join, room) => {
  const ann = await join("Ann");
  const bob = await join("Bob");

  await ann.composer.fill("x".repeat(40_000));
  await ann.page.getByText("40000 of 2000 characters").waitFor();
  await ann.composer.press("Enter");
  await ann.alert("A message has at most 2000 characters. This one has 40000.");
  assert.equal((await ann.composer.inputValue()).length, 40_000, "what was written is kept");
  await ann.composer.fill("");

  await ann.sendRaw('{"action":"dance"}');
  await ann.alert('There is no action "dance"');
  await ann.screenshot("error");
  await ann.sendRaw('{"action":');
  await ann.alert("The message is not JSON");
  await ann.sendRaw(JSON.stringify({ action: "say", room: "", text: "x" }));
  await ann.alert('"room" must be 1 to 32 characters');
  await ann.sendRaw(JSON.stringify({ action: "say", room, text: "x".repeat(2001) }));
  await ann.alert('"text" must be 1 to 2000 characters, not 2001');
  assert.equal(await ann.page.locator(".alert").count(), 3, "errors do not pile up");

  await ann.page.getByRole("button", { name: "Dismiss" }).first().click();
  await ann.page.keyboard.press("Escape");
  assert.equal(await ann.page.locator(".alert").count(), 1);
  await ann.say("Still here");
  await bob.hears("Still here");

  await ann.sendRaw(JSON.stringify({ action: "say", room, text: "x".repeat(33_000) }));
  await ann.alert("a message was too large");
  await ann.state("Online");
  await ann.say("And here again");
  await bob.hears("And here again");
});

chat("frames", "The gateway's own frames are understood", async (join) => {
  const ann = await join("Ann");
  const receive = (text) => ann.page.evaluate((data) => globalThis.sockets.at(-1).onmessage({ data }), text);
  await receive("");
  await receive('{"event":"news","topic":"elsewhere","data":1,"more":2}');
  assert.equal(await ann.page.locator(".alert").count(), 0);
  await receive('{"message": "Internal server error", "connectionId":"abc=", "requestId":"def="}');
  await ann.alert("The gateway has answered in place of the server: Internal server error");
});

test("The door refuses an empty room and a name that is too long", limit, async () => {
  const ann = await Window.open(browser, server.url);
  const { page } = ann;
  await page.getByLabel("Your name").fill("Ann");
  await page.getByLabel("Room").fill("");
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByText("Choose a room").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "room");
  await ann.screenshot("door-error");

  await page.getByLabel("Room").fill("No such room!");
  await page.keyboard.press("Enter");
  await page.getByText("Choose a room").waitFor();
  await page.getByLabel("Your name").fill("x".repeat(33));
  await page.keyboard.press("Enter");
  await page.getByText("Enter a name of 1 to 32 characters.").waitFor();
  await ann.enter("Ann", "the-door");
  assert.deepEqual(ann.problems, []);
  await ann.context.close();
});

chat("focus", "What goes away passes the focus on", async (join) => {
  const ann = await join("Ann", { clock: true });
  const { page } = ann;
  const press = async (name) => {
    await page.getByRole("button", { name }).focus();
    await page.keyboard.press("Enter");
  };
  const focus = () => page.evaluate(() => document.activeElement.id);
  for (const key of ["Enter", "Escape"]) {
    await ann.sendRaw("{");
    await ann.alert("The message is not JSON");
    await page.getByRole("button", { name: "Dismiss" }).focus();
    await page.keyboard.press(key);
    assert.equal(await page.locator(".alert").count(), 0);
    assert.equal(await focus(), "text", `after ${key}`);
  }

  await page.evaluate(() => {
    const socket = globalThis.sockets.at(-1);
    const send = socket.send;
    socket.send = (frame) => send.call(socket, frame.replace("Hello", ""));
  });
  for (const name of ["Try again", "Discard"]) {
    if (name === "Try again") await ann.say("Hello");
    await page.getByText("Not sent").waitFor();
    await press(name);
    assert.equal(await focus(), "text", `after ${name}`);
  }

  await server.stop();
  await page.locator("#link[data-state=waiting]").waitFor();
  await page.clock.pauseAt(Date.now() + 3_600_000); // from now on no timer runs
  await page.locator("#link[data-state=waiting]").waitFor();
  await server.start();
  await press("Try now");
  await ann.state("Online");
  assert.equal(await focus(), "text");
});

test("The keyboard is enough", limit, async () => {
  const ann = await Window.open(browser, server.url);
  const { keyboard } = ann.page;
  const focus = () =>
    ann.page.evaluate(() => {
      const e = document.activeElement;
      return { id: e.id || e.textContent, outline: getComputedStyle(e).outlineStyle };
    });
  const tab = async (key, id) => {
    await keyboard.press(key);
    assert.deepEqual(await focus(), { id, outline: "solid" });
  };

  assert.equal((await focus()).id, "name");
  await keyboard.type("Ann");
  await tab("Tab", "room");
  await keyboard.press("Control+A");
  await keyboard.type("keyboard");
  await tab("Tab", "enter");
  await keyboard.press("Enter");
  await ann.state("Online");

  assert.equal((await focus()).id, "text");
  await keyboard.type("One line");
  await keyboard.press("Shift+Enter");
  await keyboard.type("and another");
  await keyboard.press("Enter");
  await ann.hears("One line\nand another");
  assert.equal((await focus()).id, "text");

  await tab("Shift+Tab", "log");
  await tab("Tab", "text");
  await tab("Tab", "Send");
  await tab("Shift+Tab", "text");
  await tab("Shift+Tab", "log");
  await tab("Shift+Tab", "leave");
  await keyboard.press("Enter");
  assert.equal((await focus()).id, "name");
  assert.deepEqual(ann.problems, []);
  await ann.context.close();
});

chat("pocket", "On a phone nothing is cut off", async (join) => {
  const phone = { viewport: { width: 390, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
  const ann = await join("Ann", phone);
  const bob = await join("Bartholomew Featherstonehaugh II");
  for (let i = 0; i < 6; i++) await join(`Guest number ${i}`);
  await bob.say("Look: https://example.org/" + "a-very-long-address-".repeat(12));
  await ann.hears("Look: https://example.org/" + "a-very-long-address-".repeat(12));
  await ann.say("Does it fit?");
  await bob.say("It does.");
  await ann.hears("It does.");
  await ann.page.locator("#online li").nth(7).waitFor();
  await ann.screenshot("phone");
  for (const width of [390, 320]) {
    await ann.page.setViewportSize({ width, height: 560 });
    const page = await ann.page.evaluate(() => ({
      wide: document.documentElement.scrollWidth,
      high: document.documentElement.scrollHeight,
      font: parseFloat(getComputedStyle(document.querySelector("#text")).fontSize),
    }));
    assert.ok(page.wide <= width, `the page is ${page.wide} px wide on ${width}`);
    assert.ok(page.high <= 560, `the page is ${page.high} px high on 560`);
    assert.ok(page.font >= 16, "a phone would zoom into the field");
    assert.ok(await ann.page.getByRole("button", { name: "Send" }).isVisible());
    await ann.atNewest();
  }
  await ann.screenshot("phone-320");
});

chat("keyboard-open", "A phone's keyboard leaves space for messages", async (join) => {
  const ann = await join("Ann", { viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true });
  await ann.page.setViewportSize({ width: 320, height: 256 });
  await ann.say("Is there space?");
  await ann.hears("Is there space?");
  const { height } = await ann.page.locator("#log").boundingBox();
  assert.ok(height >= 90, `the messages are ${height} px high`);
  assert.ok(await ann.page.getByRole("button", { name: "Send" }).isVisible());
  await ann.screenshot("phone-keyboard");
});

for (const colorScheme of ["light", "dark"]) {
  test(`The edges of fields can be seen when it is ${colorScheme}`, limit, async () => {
    const ann = await Window.open(browser, server.url, { colorScheme });
    await ann.page.getByLabel("Room").focus();
    await ann.screenshot(`door-${colorScheme}`);
    await ann.enter("Ann", "edges");
    for (const id of ["name", "room", "text"]) {
      const { edge, papers } = await ann.page.evaluate(coloursOf, id);
      for (const paper of papers) {
        const ratio = contrast(edge, paper);
        assert.ok(ratio >= 3, `#${id}: ${edge} on ${paper} is ${ratio.toFixed(2)}:1`);
      }
    }
    await ann.context.close();
  });
}

// Runs in the page: the colours of a field's edge, and of what is on both sides of it.
function coloursOf(id) {
  const field = document.getElementById(id);
  const paper = (e) => getComputedStyle(e).backgroundColor;
  let around = field.parentElement;
  while (paper(around) === "rgba(0, 0, 0, 0)") around = around.parentElement;
  return { edge: getComputedStyle(field).borderTopColor, papers: [paper(field), paper(around)] };
}

// The contrast of two colours, as WCAG 2 defines it.
function contrast(...colours) {
  const light = colours.map((colour) => {
    const [r, g, b] = colour.match(/\d+/g).map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  });
  return Math.max(...light) / Math.min(...light);
}

chat("night", "Dark mode and reduced motion are respected", async (join) => {
  const ann = await join("Ann", { colorScheme: "dark", reducedMotion: "reduce" });
  const bob = await join("Bob");
  await ann.say("It is dark here.");
  await bob.say("And light over here.");
  await ann.hears("And light over here.");
  const colour = (w) => w.page.evaluate(() => getComputedStyle(document.querySelector("#chat")).backgroundColor);
  assert.notEqual(await colour(ann), await colour(bob));
  await ann.sendRaw("{");
  await ann.alert("not JSON");
  assert.equal(await ann.page.evaluate(() => getComputedStyle(document.querySelector(".alert")).animationName), "none");
  await ann.screenshot("dark");
});

chat("archive", "Reading old messages is not disturbed", async (join) => {
  const ann = await join("Ann", { viewport: { width: 700, height: 400 } });
  const bob = await join("Bob");
  for (let i = 1; i <= 12; i++) await bob.say(`Line ${i}`);
  await ann.hears("Line 12");
  await ann.page.locator("#log").evaluate((log) => (log.scrollTop = 0));
  await ann.page.waitForFunction(() => document.querySelector("#log").scrollTop === 0);
  await bob.say("News");
  await ann.page.getByRole("button", { name: "New messages" }).waitFor();
  assert.equal(await ann.page.locator("#log").evaluate((log) => log.scrollTop), 0);
  await ann.screenshot("new-messages");
  await ann.page.getByRole("button", { name: "New messages" }).click();
  await ann.atNewest();
  assert.equal(await ann.page.evaluate(() => document.activeElement.id), "log");
  await ann.page.getByRole("button", { name: "New messages" }).waitFor({ state: "hidden" });
});
