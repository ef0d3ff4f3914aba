// Sign-in in a real browser: the page, the identity provider for development, and the authorizer
// behind the gateway.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, limit, newPage, Window } from "./browser.mjs";
import { Server } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([Server.create(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.destroy();
});

// signing runs a test, with a function that opens a window at the door.
function signing(name, run) {
  test(name, limit, async () => {
    const windows = [];
    const open = async (path = "", options = {}) => {
      const window = await Window.open(browser, server.url + path, options);
      windows.push(window);
      return window;
    };
    try {
      await run(open);
      for (const window of windows) assert.deepEqual(window.problems, []);
    } catch (error) {
      const title = name.replaceAll(/\W+/g, "-");
      for (const [i, window] of windows.entries()) await window.screenshot(`failed-${title}-${i + 1}`).catch(() => {});
      throw error;
    } finally {
      await Promise.all(windows.map((window) => window.context.close()));
    }
  });
}

signing("Who signs in talks under the name of the token", async (open) => {
  const ann = await open();
  await ann.page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(await ann.page.getByLabel("Room").isVisible(), false);
  await ann.screenshot("signin-door");
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await ann.page.getByText("It accepts any name").waitFor();
  await ann.screenshot("signin-provider");
  await ann.page.getByLabel("Your name").fill("Ann <b>&");
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await ann.page.getByText("Signed in as Ann <b>&").waitFor();
  assert.equal(new URL(ann.page.url()).search, "", "the code is not in the address");
  await ann.screenshot("signin-account");
  await ann.room("lobby");
  await ann.online("Ann <b>&");

  const bob = await open("#lobby");
  await bob.signIn("Bob");
  await bob.state("Online"); // the address named the room
  await ann.notice("Bob joined");
  await bob.say("Hello, Ann");
  await ann.hears("Hello, Ann");
  await ann.say("Hello, Bob");
  await bob.hears("Hello, Bob");

  await bob.page.reload();
  await bob.state("Online"); // still signed in
  await bob.hears("Hello, Bob");
  await bob.page.getByRole("button", { name: "Leave" }).click();
  await bob.page.getByRole("button", { name: "Sign out" }).click();
  await bob.page.getByRole("button", { name: "Sign in" }).waitFor();
  await bob.page.reload();
  await bob.page.getByRole("button", { name: "Sign in" }).waitFor();
});

signing("A room for staff needs the scope", async (open) => {
  const bob = await open();
  await bob.signIn("Bob");
  await bob.room("staff-office", { wait: false });
  await bob.page.getByText('You may not enter: the room "staff-office" needs the scope "chat:staff".').waitFor();
  await bob.page.getByText("Signed in as Bob").waitFor(); // at the door
  await bob.screenshot("signin-no-staff");
  await bob.room("staff-not", { wait: false });
  await bob.page.getByText('the room "staff-not" needs').waitFor();

  const eve = await open();
  await eve.signIn("Eve", { staff: true });
  await eve.page.locator("#badge").getByText("staff").waitFor();
  await eve.room("staff-office");
  await eve.say("Nobody else hears this");
  await eve.hears("Nobody else hears this");
  await eve.online("Eve");
  await bob.room("staffroom"); // only "staff" and "staff-…" are staff's
  await bob.online("Bob");
});

signing("A token that ends while one talks is replaced by another", async () => {
  const shortLived = await Server.create("-token-time", "8s");
  const ann = await Window.open(browser, `${shortLived.url}#long`);
  try {
    await ann.signIn("Ann");
    await ann.state("Online");
    const first = await ann.session();
    const opened = await ann.page.evaluate(() => globalThis.sockets.length);
    await ann.page.waitForFunction((end) => Date.now() > end + 2_000, first.endsAt); // a second of skew is allowed
    await ann.say("Said with a token that has ended");
    await ann.hears("Said with a token that has ended");
    const second = await ann.session();
    assert.notEqual(second.access, first.access);
    assert.equal(await ann.page.evaluate(() => globalThis.sockets.length), opened, "over the same connection");
    assert.deepEqual(ann.problems, []);
  } finally {
    await ann.context.close();
    await shortLived.destroy();
  }
});

// Runs in the page: the server answers the next sync and subscribe as if the token had expired.
function expire() {
  const socket = globalThis.sockets.at(-1);
  const send = socket.send;
  const answers = {
    sync: ({ topics }) => ({ data: { moved: [], lost: topics.map(({ topic }) => topic), extra: [], presence: [] } }),
    subscribe: () => ({ error: { code: "unauthenticated", message: "the token has expired" } }),
  };
  socket.send = (text) => {
    const { id, action, ...input } = JSON.parse(text);
    if (!answers[action]) return send.call(socket, text);
    setTimeout(() => socket.onmessage?.({ data: JSON.stringify({ id, action, ...answers[action](input) }) }));
  };
}

for (const [what, room, prepare, time] of [
  ["A page that slept until its token had expired", "#slept", () => {}, "01:00:00"],
  ["A page whose token the server does not accept any more", "#expired", expire, "07:00"],
]) {
  signing(`${what} connects with another one, and misses nothing`, async (open) => {
    const ann = await open(room, { clock: true });
    const bob = await open(room);
    for (const [name, window] of Object.entries({ Ann: ann, Bob: bob })) {
      await window.signIn(name);
      await window.online(...(window === ann ? ["Ann"] : ["Ann", "Bob"]));
    }
    await bob.say("Good night");
    await ann.hears("Good night");
    const { access } = await ann.session();
    await ann.page.evaluate(prepare);
    await ann.page.clock.fastForward(time);
    await ann.page.waitForFunction(() => globalThis.sockets.length === 2);
    await ann.state("Online");
    await bob.say("Good morning");
    await ann.hears("Good morning");
    assert.notEqual((await ann.session()).access, access);
    assert.deepEqual(await ann.texts(), ["Good night", "Good morning"]);
    assert.deepEqual(await ann.page.locator(".alert").allTextContents(), []);
    await ann.say("Good morning to you");
    await bob.hears("Good morning to you");
  });
}

signing("Messages wait for a server that comes back with other keys", async (open) => {
  const ann = await open("#restart");
  await ann.signIn("Ann");
  await ann.state("Online");
  await ann.say("Before");
  await ann.hears("Before");
  assert.equal(await server.stop(), 0);
  await ann.page.locator("#link[data-state=waiting]").waitFor();
  await ann.say("Meanwhile");
  await server.start();
  await ann.state("Online");
  await ann.hears("Meanwhile");
});

signing("Whose sign-in has ended comes back to the door, and loses nothing", async (open) => {
  const ann = await open("#ended");
  await ann.signIn("Ann");
  await ann.state("Online");
  await server.stop();
  await ann.page.locator("#link[data-state=waiting]").waitFor();
  await ann.say("Kept for later");
  // The answer of a provider that does not know the refresh token any more. Before, the page could
  // get it while the server is away, and not wait at all.
  await ann.page.route("**/idp/token", (route) => route.fulfill({ status: 400, json: { error: "invalid_grant" } }));
  await server.start();
  await ann.alert("Your sign-in has ended. Sign in again.");
  await ann.page.getByText("One message is not sent").waitFor();
  await ann.screenshot("signin-ended");
  ann.problems.length = 0; // the browser logs the status 400
  await ann.page.unroute("**/idp/token");
  await ann.signIn("Ann");
  await ann.state("Online");
  await ann.hears("Kept for later");
});

signing("Who cancels is told so, and can sign in after all", async (open) => {
  const ann = await open();
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await ann.page.getByRole("button", { name: "Cancel" }).click();
  await ann.alert("You have not signed in.");
  await ann.signIn("Ann");
  await ann.page.getByText("Signed in as Ann").waitFor();
});

signing("The provider refuses an empty name, and says so", async (open) => {
  const ann = await open();
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await ann.page.getByLabel("Your name").fill("  ");
  await ann.page.getByLabel("I am staff").check();
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await ann.page.getByText("Enter a name of 1 to 32 characters.").waitFor();
  assert.ok(await ann.page.getByLabel("I am staff").isChecked());
  ann.problems.length = 0; // the browser logs the status 422
  await ann.page.getByLabel("Your name").fill("Ann");
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await ann.page.getByText("Signed in as Ann").waitFor();
});

signing("A code that was not asked for is not taken", async (open) => {
  const eve = await open("?code=stolen&state=stolen");
  await eve.alert("This sign-in was not started by this tab.");
  await eve.page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(new URL(eve.page.url()).search, "");
});

// connect tries to open a socket in a page, and returns whether it succeeded.
function connect(page, url, protocols) {
  return page.evaluate(
    ([url, protocols]) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, protocols);
        socket.onopen = () => resolve(socket.protocol);
        socket.onerror = () => resolve("refused");
      }),
    [url, protocols],
  );
}

signing("Without a token, with a bad one, and from another origin nobody gets in", async (open) => {
  const ann = await open();
  await ann.signIn("Ann");
  await ann.page.getByText("Signed in as Ann").waitFor();
  const { access } = await ann.session();
  assert.equal(await connect(ann.page, server.gateway, ["chat.v1"]), "refused");
  assert.equal(await connect(ann.page, server.gateway, ["chat.v1", "bearer.a.b.c"]), "refused");
  assert.equal(await connect(ann.page, server.gateway, ["chat.v1", `bearer.${access}`]), "chat.v1");
  const evil = await newPage(await browser.newContext());
  await evil.route("http://evil.example/", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
  await evil.goto("http://evil.example/");
  assert.equal(await connect(evil, server.gateway, ["chat.v1", `bearer.${access}`]), "refused", "a good token from a page of another origin");
  await evil.context().close();
});
