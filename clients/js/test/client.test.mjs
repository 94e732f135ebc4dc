// The rules of the client, in a world without real time.
import assert from "node:assert/strict";
import test from "node:test";
import { World } from "./world.mjs";

const LOGIN = { username: "ada", password: "right" };
const NOTES = "https://notes.test/notes";

/** A world with a tab in which Ada is signed in. */
async function signedIn(options, platform) {
  const world = new World();
  const tab = world.tab({ services: ["https://notes.test"], ...options }, platform);
  await world.until(tab.client.login(LOGIN));
  return { world, tab, client: tab.client };
}

const authorizations = (world) => world.requests.map(({ headers }) => headers.get("authorization"));

test("a login signs in, and a wrong password is a typed error", async () => {
  const { client } = await signedIn();
  assert.equal(client.state.status, "signed-in");
  assert.equal(client.state.user.username, "ada");
  const world = new World();
  const tab = world.tab();
  await assert.rejects(world.until(tab.client.login({ ...LOGIN, password: "wrong" })), { code: "bad_credentials", status: 401 });
  assert.equal(tab.client.state.status, "unknown");
});

for (const storage of ["memory", "cookies"]) {
  test(`${storage}: it refreshes when refresh_after says so, also without any request`, async () => {
    const { world, client } = await signedIn({ storage });
    await world.advance(199_000);
    assert.equal(world.refreshes, 0);
    await world.advance(2_000);
    assert.equal(world.refreshes, 1);
    await world.advance(1_000_000);
    assert.equal(world.refreshes, 6);
    assert.equal(client.state.status, "signed-in");
  });

  test(`${storage}: a lost answer is asked for again with the same token`, async () => {
    const { world, tab, client } = await signedIn({ storage });
    let lost = 0;
    world.network = ({ url }) => (url.endsWith("/refresh") && lost++ < 4 ? "unanswered" : undefined);
    await world.advance(230_000);
    assert.equal(world.refreshes, 5);
    const bodies = world.requests.filter(({ url }) => url.endsWith("/refresh")).map(({ body }) => body);
    assert.equal(new Set(bodies).size, 1);
    assert.equal(world.service.sessions.get("s1").through, 1);
    assert.deepEqual([client.state.status, tab.told], ["signed-in", []]);
  });

  test(`${storage}: two tabs whose time has come send one request`, async () => {
    const { world, client } = await signedIn({ storage });
    const others = [1, 2, 3].map(() => world.tab({ storage, services: ["https://notes.test"] }).client);
    const users = await world.until(Promise.all(others.map((other) => other.restore())));
    assert.ok(users.every((user) => user.username === "ada"));
    const before = world.refreshes;
    assert.ok(before <= 1);
    await world.advance(210_000);
    assert.equal(world.refreshes, before + 1);
    const tokens = await world.until(Promise.all([client, ...others].map((one) => one.accessToken())));
    assert.equal(new Set(tokens).size, 1);
  });

  test(`${storage}: tabs that load together restore with one request at most`, async () => {
    const { world } = await signedIn({ storage });
    const tabs = [1, 2, 3, 4].map(() => world.tab({ storage, services: ["https://notes.test"] }).client);
    await world.until(Promise.all(tabs.map((tab) => tab.restore())));
    assert.ok(tabs.every((tab) => tab.state.status === "signed-in"));
    assert.equal(world.refreshes, storage === "cookies" ? 1 : 0);
  });

  test(`${storage}: a refusal is final, and each tab tells it once`, async () => {
    const { world, tab, client } = await signedIn({ storage });
    const other = world.tab({ storage, services: ["https://notes.test"] });
    await world.until(other.client.restore());
    world.service.end("s1", "admin");
    await world.advance(1_000_000);
    const sent = world.refreshes;
    assert.deepEqual([tab.told, other.told], [["admin"], ["admin"]]);
    for (const one of [client, other.client]) {
      assert.deepEqual(one.state, { status: "signed-out", user: null, reason: "admin" });
      const answer = await world.until(one.fetch(NOTES));
      assert.equal(answer.status, 401);
      await world.until(one.refresh());
      assert.equal(await world.until(one.accessToken()), undefined);
    }
    assert.equal(world.refreshes, sent, "nothing is refused twice");
  });

  test(`${storage}: a logout signs out all tabs at once`, async () => {
    const { world, tab, client } = await signedIn({ storage });
    const other = world.tab({ storage });
    await world.until(other.client.restore());
    const done = client.logout();
    await world.advance(500);
    await done;
    assert.deepEqual([tab.told, other.told], [["logout"], ["logout"]]);
    assert.equal(other.client.state.status, "signed-out");
    assert.deepEqual(world.service.ends, ["logout"]);
    await world.until(client.login(LOGIN));
    await world.advance(500);
    assert.equal(other.client.state.status, "signed-in");
  });
}

test("a logout that does not reach the service fails, and the user stays signed in", async () => {
  const { world, tab, client } = await signedIn();
  world.network = () => "lost";
  await assert.rejects(world.until(client.logout()));
  assert.deepEqual([client.state.status, tab.told], ["signed-in", []]);
});

test("a request that hangs is given up after the timeout, and sent again; the other tabs wait for it", async () => {
  const { world, tab, client } = await signedIn({ storage: "cookies" });
  const other = world.tab({ storage: "cookies", services: ["https://notes.test"] });
  await world.until(other.client.restore());
  const before = world.refreshes;
  world.network = ({ url }) => (url.endsWith("/refresh") && world.refreshes === before + 1 ? "hangs" : undefined);
  await world.advance(209_000);
  assert.equal(world.refreshes, before + 1);
  await world.advance(5_000);
  assert.equal(world.refreshes, before + 2);
  assert.deepEqual([client.state.status, other.client.state.status, tab.told], ["signed-in", "signed-in", []]);
});

test("503 and 429 are tried again after Retry-After", async () => {
  for (const status of [503, 429]) {
    const { world, client } = await signedIn();
    const times = [];
    world.network = ({ url }) => {
      if (!url.endsWith("/refresh") || times.push(world.now) > 1) return undefined;
      return new Response("{}", { status, headers: { "retry-after": "7" } });
    };
    await world.advance(230_000);
    assert.equal(times.length, 2);
    assert.ok(times[1] - times[0] >= 7_000 && times[1] - times[0] < 8_000, String(times));
    assert.equal(client.state.status, "signed-in");
  }
});

test("a 404 of a proxy is not the service's refusal: nobody is signed out, and it is tried again later", async () => {
  const { world, tab, client } = await signedIn();
  world.network = ({ url }) => (url.endsWith("/refresh") ? new Response("not here", { status: 404 }) : undefined);
  await world.advance(220_000);
  assert.equal(world.refreshes, 1);
  assert.deepEqual([client.state.status, tab.told], ["signed-in", []]);
  world.network = () => undefined;
  await world.advance(40_000);
  assert.equal(world.service.sessions.get("s1").through, 1);
});

test("after a long time without a network the session goes on", async () => {
  const { world, client } = await signedIn({ storage: "cookies" });
  world.network = () => "lost";
  await world.advance(3_600_000);
  assert.ok(world.refreshes > 10 && world.refreshes < 1_000, String(world.refreshes));
  world.network = () => undefined;
  await world.advance(60_000);
  assert.equal(client.state.status, "signed-in");
  assert.equal(world.service.sessions.get("s1").through, 1);
});

test("an answer that arrives late does not replace a newer one", async () => {
  const { world, client, tab } = await signedIn({}, { locks: undefined });
  const other = world.tab({ services: ["https://notes.test"] }, { locks: undefined });
  await world.until(other.client.restore());
  await world.advance(190_000);
  // The first tab's answer takes three seconds.
  world.latency = () => (world.requests.at(-1).tab === tab ? 1_500 : 10);
  await world.until(Promise.all([client.refresh(), other.client.refresh()]));
  world.latency = () => 10;
  await world.advance(11_000);
  await world.until(other.client.refresh());
  assert.equal(world.service.sessions.get("s1").through, 2);
  for (const one of [client, other.client]) {
    await world.until(one.refresh());
    assert.equal(one.state.status, "signed-in");
  }
  assert.deepEqual(world.service.ends, []);
});

test("without locks and channels each tab refreshes by itself, and nobody is signed out", async () => {
  const platform = { locks: undefined, channel: () => undefined };
  const { world, client } = await signedIn({ storage: "cookies" }, platform);
  const other = world.tab({ storage: "cookies" }, platform);
  await world.until(other.client.restore());
  await world.advance(3_000_000);
  assert.deepEqual([client.state.status, other.client.state.status], ["signed-in", "signed-in"]);
  assert.deepEqual(world.service.ends, []);
  await world.until(client.logout());
  await world.advance(300_000);
  assert.deepEqual(other.told, ["refresh_cookie_missing"]);
});

test("a tab that was frozen while it had its turn is not waited for", async () => {
  const { world, tab, client } = await signedIn({ storage: "cookies" });
  const other = world.tab({ storage: "cookies", services: ["https://notes.test"] });
  await world.until(other.client.restore());
  world.lock([...world.channels][0].name, {}, () => new Promise(() => {}));
  await world.advance(240_000);
  assert.equal(client.state.status, "signed-in");
  assert.ok(world.service.sessions.get("s1").through >= 1, "it was refreshed");
  assert.deepEqual(tab.told, []);
});

test("when the network is there again, a lost answer is asked for at once, while the service still knows it", async () => {
  const { world, tab, client } = await signedIn();
  let asked = 0;
  world.network = ({ url }) => (url.endsWith("/refresh") ? (asked++ === 0 ? "unanswered" : "lost") : undefined);
  await world.advance(200_000 + 78_000);
  assert.equal(world.service.sessions.get("s1").through, 1);
  world.network = () => undefined;
  tab.wakes.forEach((wake) => wake());
  await world.advance(1_000);
  assert.match(await client.accessToken(), /^s1@(2[789]|5[789])/);
  await world.advance(600_000);
  assert.deepEqual([client.state.status, tab.told, world.service.ends], ["signed-in", [], []]);
});

test("waking up does not break Retry-After", async () => {
  const { world, tab, client } = await signedIn();
  world.network = ({ url }) =>
    url.endsWith("/refresh") ? Response.json({ code: "overloaded" }, { status: 503, headers: { "retry-after": "120" } }) : undefined;
  await world.advance(201_000);
  for (let count = 0; count < 10; count += 1) {
    tab.wakes.forEach((wake) => wake());
    await world.advance(1_000);
  }
  assert.equal(world.refreshes, 1);
  assert.equal(client.state.status, "signed-in");
});

test("a page that nobody sees does not refresh until somebody comes back, or it sends a request", async () => {
  const { world, tab, client } = await signedIn();
  tab.visible = false;
  await world.advance(1_000_000);
  assert.equal(world.refreshes, 0);
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
  assert.equal(world.refreshes, 1);
  await world.advance(250_000);
  tab.visible = true;
  tab.wakes.forEach((wake) => wake());
  await world.advance(100);
  assert.equal(world.refreshes, 2);
});

test("after sleep, during which timers and the steady clock stood still, the token counts as expired", async () => {
  const { world, tab, client } = await signedIn();
  tab.clock.steady -= 3_600_000;
  tab.clock.wall += 3_600_000;
  world.now += 3_600_000;
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
  assert.equal(world.refreshes, 1);
  assert.equal(authorizations(world).at(-1), "Bearer s1@" + (world.service.sessions.get("s1").at + 300_000));
});

test("a clock that is wrong, or set back or forward, costs one refresh at most", async () => {
  for (const jump of [-86_400_000, 86_400_000]) {
    const { world, tab, client } = await signedIn();
    tab.clock.wall += jump;
    await world.advance(1_000);
    assert.equal((await world.until(client.fetch(NOTES))).status, 200);
    assert.equal(world.refreshes, jump > 0 ? 1 : 0);
    await world.advance(1_000_000);
    assert.ok(world.refreshes <= 6, String(world.refreshes));
    assert.equal(client.state.status, "signed-in");
  }
});

test("a restored tab counts the age of the pair, not the time since it was restored", async () => {
  const { world } = await signedIn();
  await world.advance(190_000);
  const other = world.tab({ services: ["https://notes.test"] });
  await world.until(other.client.restore());
  assert.equal(world.refreshes, 0);
  await world.advance(12_000);
  assert.equal(world.refreshes, 1);
});

test("news that waited while the tab was asleep counts as old as it is", async () => {
  const { world, tab } = await signedIn();
  tab.client.close();
  const other = world.tab({ services: ["https://notes.test"] });
  const [channel] = world.channels;
  const pair = { ...world.service.pair(world.service.sessions.get("s1"), {}).body };
  channel.onmessage({ data: { type: "pair", pair, isLogin: false, age: 0, sentAt: 1_000_000 + world.now - 250_000 } });
  await world.advance(1_000);
  assert.equal(world.refreshes, 1);
  assert.equal(other.client.state.status, "signed-in");
});

test("the token goes to the service and the named services, and nowhere else", async () => {
  const { world, client } = await signedIn();
  const send = async (url, init) => {
    await world.until(client.fetch(url, init).catch(() => {}));
    const { headers, redirect } = world.requests.at(-1);
    return [headers.has("authorization"), redirect];
  };
  assert.deepEqual(await send(NOTES), [true, "error"]);
  assert.deepEqual(await send(new URL("https://id.test/v1/me")), [true, "error"]);
  assert.deepEqual(await send(NOTES, { redirect: "follow" }), [true, "follow"]);
  for (const other of [
    "https://app.test/", "/relative", "https://notes.test.evil.example/", "https://notes.test:8443/", "http://notes.test/",
    "https://evil.example/?https://notes.test", "https://notes.test@evil.example/",
  ]) {
    assert.deepEqual(await send(other), [false, undefined], other);
  }
  const { headers } = world.requests.at(-1);
  assert.equal([...headers].length, 0);
  await world.until(client.fetch(NOTES, { headers: { authorization: "Basic x" } }));
  assert.equal(world.requests.at(-1).headers.get("authorization"), "Basic x");
});

test("a service that is named without a scheme is a clear error", () => {
  const world = new World();
  for (const name of ["notes.test", "notes.test:8443", "localhost:3000", "data:,", "https:notes.test", "", " https://notes.test"]) {
    assert.throws(() => world.tab({ services: [name] }), { name: "TypeError", message: `services: "${name}" has no https://` }, name);
  }
  for (const name of ["https://", "/api"]) assert.throws(() => world.tab({ services: [name] }, { page: undefined }), /Invalid URL/);
  for (const name of ["/api", "//notes.test", "HTTPS://notes.test", "http://localhost:3000"]) world.tab({ services: [name] });
});

test("with cookies and no other service, no token is ever in the hands of a script", async () => {
  const { world, client } = await signedIn({ storage: "cookies", services: [], baseUrl: "https://app.test/id/" });
  assert.equal(await world.until(client.accessToken()), undefined);
  assert.equal((await world.until(client.fetch("https://app.test/v1/me"))).status, 200);
  const { headers, credentials } = world.requests.at(-1);
  assert.deepEqual([headers.get("authorization"), headers.get("x-requested-with"), credentials], [null, "tokensmith", "include"]);
  assert.equal(world.requests[0].url, "https://app.test/id/v1/tokens");
  await world.until(client.refresh());
  const refresh = world.requests.at(-1);
  assert.deepEqual([refresh.keepalive, refresh.credentials, refresh.body], [true, "include", '{"cookies":true}']);
});

test("with cookies, the access token is in memory where other services need it, and other origins get no extra header", async () => {
  const { world, client } = await signedIn({ storage: "cookies" });
  assert.match(world.requests[0].body, /"access_cookie":false/);
  assert.equal(world.requests[0].headers.get("x-requested-with"), null);
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
  assert.match(authorizations(world).at(-1), /^Bearer s1@/);
});

test("with cookies and another audience, the service itself gets the cookies, and the app's services the header", async () => {
  const { world, client } = await signedIn({ storage: "cookies", audience: "https://notes.test" });
  assert.match(world.requests[0].body, /"audience":"https:\/\/notes.test".*"access_cookie":false/);
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
  await world.until(client.fetch("https://id.test/v1/me"));
  assert.deepEqual(authorizations(world).slice(-2).map((one) => one !== null), [true, false]);
  assert.equal(world.requests.at(-1).credentials, "include");
  const alone = await signedIn({ storage: "cookies", audience: "https://notes.test", services: [] });
  assert.match(await alone.world.until(alone.client.accessToken()), /^s1@/);
});

test("a token that a service refuses is refreshed once, and the request is sent again with its body", async () => {
  const { world, client } = await signedIn();
  const token = await client.accessToken();
  world.network = ({ headers }) =>
    headers.get("authorization") === `Bearer ${token}`
      ? new Response("", { status: 401, headers: { "www-authenticate": 'Bearer realm="x", error="invalid_token"' } })
      : undefined;
  await world.advance(11_000);
  const answer = await world.until(client.fetch(NOTES, { method: "POST", body: "a note" }).then((response) => response.status));
  assert.equal(answer, 200);
  assert.equal(world.refreshes, 1);
  assert.equal(world.requests.filter(({ url, body }) => url === NOTES && body === "a note").length, 2);
});

test("a 401 for another reason, or of a request that cannot be sent again, is the app's", async () => {
  const { world, client } = await signedIn();
  const refuse = (challenge) => () => new Response("", { status: 401, headers: { "www-authenticate": challenge } });
  world.network = refuse('Bearer realm="x"');
  assert.equal((await world.until(client.fetch(NOTES))).status, 401);
  world.network = refuse('Bearer error="invalid_token"');
  const body = new ReadableStream({ start: (controller) => controller.close() });
  assert.equal((await world.until(client.fetch(NOTES, { method: "POST", body, duplex: "half" }))).status, 401);
  assert.equal(world.refreshes, 0);
});

test("a storage of one's own survives a reload, and is emptied by a logout and by a refusal", async () => {
  for (const end of ["logout", "admin"]) {
    let kept = null;
    const storage = { get: async () => kept, set: async (value) => void (kept = value), remove: () => void (kept = null) };
    const { world, tab } = await signedIn({ storage });
    assert.equal(kept, "s1:1");
    tab.client.close();
    const reloaded = world.tab({ storage });
    assert.equal((await world.until(reloaded.client.restore())).username, "ada");
    assert.equal(kept, "s1:2");
    if (end === "logout") await world.until(reloaded.client.logout());
    else {
      world.service.end("s1", end);
      await world.until(reloaded.client.refresh());
    }
    assert.deepEqual([kept, reloaded.told], [null, [end]]);
    const empty = world.tab({ storage });
    assert.equal(await world.until(empty.client.restore()), null);
    assert.deepEqual(empty.told, []);
  }
});

test("a reload without a session tells nothing; one whose session was ended says why", async () => {
  const world = new World();
  const first = world.tab({ storage: "cookies" });
  assert.equal(await world.until(first.client.restore()), null);
  assert.deepEqual([first.client.state.status, first.told], ["signed-out", []]);
  await world.until(first.client.login(LOGIN));
  first.client.close();
  world.service.end("s1", "password_changed");
  const reloaded = world.tab({ storage: "cookies" });
  assert.equal(await world.until(reloaded.client.restore()), null);
  assert.deepEqual(reloaded.told, ["password_changed"]);
});

/** The marks of the pages of an origin. */
const markOf = (marks) => (name, isSet) => {
  if (isSet !== undefined) marks[isSet ? "add" : "delete"](name);
  return marks.has(name);
};

test("where users sign in by the client only, nothing is asked while nobody is signed in", async () => {
  const world = new World();
  const marks = new Set();
  const open = (options) => world.tab({ storage: "cookies", ownLoginsOnly: true, ...options }, { mark: markOf(marks) });
  const first = open();
  assert.equal(await world.until(first.client.restore()), null);
  assert.deepEqual([first.client.state.status, first.told, world.requests.length], ["signed-out", [], 0]);
  await world.until(first.client.login(LOGIN));
  assert.equal((await world.until(open().client.restore())).username, "ada");
  await world.until(first.client.logout());
  assert.equal(marks.size, 0);
  let before = world.requests.length;
  assert.equal(await world.until(open().client.restore()), null);
  assert.equal(world.requests.length, before);
  // A session that has ended elsewhere is asked for once.
  const again = open();
  await world.until(again.client.login(LOGIN));
  for (const { client } of [first, again]) client.close();
  world.service.end("s2", "admin");
  const reloaded = open();
  assert.equal(await world.until(reloaded.client.restore()), null);
  assert.deepEqual(reloaded.told, ["admin"]);
  before = world.requests.length;
  assert.equal(await world.until(open().client.restore()), null);
  assert.equal(world.requests.length, before);
});

test("a session that a login page has opened is restored, and so is one where no mark can be kept", async () => {
  const world = new World();
  await world.until(world.tab({ storage: "cookies", tabs: false }).client.login(LOGIN));
  const cannot = () => true;
  for (const [ownLoginsOnly, mark, expected] of [
    [false, markOf(new Set()), "ada"], [true, cannot, "ada"], [true, markOf(new Set()), undefined],
  ]) {
    const { client } = world.tab({ storage: "cookies", tabs: false, ownLoginsOnly }, { mark });
    assert.equal((await world.until(client.restore()))?.username, expected);
    client.close();
  }
});

test("a stolen cookie that is used again ends the session, and both tabs say so once", async () => {
  const { world, tab } = await signedIn({ storage: "cookies" });
  const other = world.tab({ storage: "cookies", services: ["https://notes.test"] });
  await world.until(other.client.restore());
  const stolen = world.cookies.refresh;
  await world.advance(600_000);
  assert.equal(world.service.refresh({ cookies: true }, stolen).body.code, "refresh_token_reused");
  await world.advance(300_000);
  assert.deepEqual([tab.told, other.told], [["reuse"], ["reuse"]]);
});

test("late news of a session that has ended does not sign in again", async () => {
  const { world, tab, client } = await signedIn();
  const other = world.tab();
  await world.until(other.client.restore());
  const pair = { ...world.service.pair(world.service.sessions.get("s1"), {}).body };
  await world.until(client.logout());
  await world.advance(100);
  world.channels.forEach((channel) => channel.onmessage({ data: { type: "pair", pair, isLogin: false, age: 0, sentAt: 0 } }));
  assert.deepEqual([tab.client.state.status, other.client.state.status], ["signed-out", "signed-out"]);
});

test("a refusal of the session before does not sign out the user who has logged in meanwhile", async () => {
  const { world, tab, client } = await signedIn({ storage: "cookies" }, { locks: undefined });
  const other = world.tab({ storage: "cookies" }, { locks: undefined });
  world.service.end("s1", "admin");
  world.latency = () => (world.requests.at(-1).url.endsWith("/refresh") ? 500 : 10);
  const refreshing = client.refresh();
  await world.advance(600);
  await world.until(other.client.login(LOGIN));
  await world.until(refreshing);
  assert.deepEqual([client.state.status, tab.told], ["signed-in", []]);
});

test("two apps of one origin, of which one keeps the access token in a cookie, do not disturb each other", async () => {
  const { world, client } = await signedIn({ storage: "cookies" });
  const other = world.tab({ storage: "cookies" });
  await world.until(other.client.restore());
  await world.until(other.client.refresh());
  await world.advance(100);
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
  await world.advance(1_000_000);
  assert.deepEqual([client.state.status, other.client.state.status], ["signed-in", "signed-in"]);
  assert.deepEqual(world.service.ends, []);
});

test("an error of the app's own functions does no harm", async (context) => {
  const errors = [];
  const note = (error) => errors.push(error.message);
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", note);
  context.after(() => {
    process.off("uncaughtException", note);
    others.forEach((other) => process.on("uncaughtException", other));
  });
  const onSignedOut = () => {
    throw new Error("of onSignedOut");
  };
  const { world, client } = await signedIn({ onSignedOut });
  client.subscribe(() => {
    throw new Error("of a listener");
  });
  await world.until(client.refresh());
  await world.until(client.logout());
  assert.equal(client.state.status, "signed-out");
  assert.deepEqual([...new Set(errors)].sort(), ["of a listener", "of onSignedOut"]);
});

test("a late answer of the session before replaces neither another user's session nor a logout", async () => {
  for (const what of ["login", "logout"]) {
    const { world, tab, client } = await signedIn({}, { locks: undefined });
    const other = world.tab({}, { locks: undefined });
    await world.until(other.client.restore());
    // The answer comes after what the other tab does.
    world.latency = () => (world.requests.at(-1).url.endsWith("/refresh") ? 300 : 10);
    const refreshing = client.refresh();
    await world.advance(310);
    world.latency = () => 10;
    await world.until(what === "login" ? other.client.login(LOGIN) : other.client.logout());
    await world.until(refreshing);
    await world.advance(1_000);
    if (what === "login") assert.match(await world.until(client.accessToken()), /^s2@/);
    else assert.deepEqual([client.state.status, tab.told], ["signed-out", ["logout"]]);
  }
});

test("a late answer to a page that was loading does not replace the user who has logged in meanwhile", async () => {
  const { world, client } = await signedIn({ storage: "cookies" }, { locks: undefined });
  const loading = world.tab({ storage: "cookies", services: ["https://notes.test"] }, { locks: undefined });
  world.latency = () => (world.requests.at(-1).url.endsWith("/refresh") ? 300 : 10);
  const restoring = loading.client.restore();
  await world.advance(310);
  world.latency = () => 10;
  await world.until(client.login(LOGIN));
  await world.until(restoring);
  assert.match(await world.until(loading.client.accessToken()), /^s2@/);
});

test("a relative URL is sent to where it was judged to lead, whatever the page's base is", async () => {
  const { world, client } = await signedIn({ services: ["https://app.test"] }, { base: () => "https://cdn.example/x/" });
  await world.until(client.fetch("notes").catch(() => {}));
  assert.equal(world.requests.at(-1).headers.has("authorization"), false);
  await world.until(client.fetch("https://app.test/notes"));
  assert.deepEqual([world.requests.at(-1).url, world.requests.at(-1).headers.has("authorization")], ["https://app.test/notes", true]);
  const inside = await signedIn({ services: ["https://app.test"] }, { base: () => "https://app.test/deep/" });
  await inside.world.until(inside.client.fetch("notes"));
  assert.deepEqual(
    [inside.world.requests.at(-1).url, inside.world.requests.at(-1).headers.has("authorization")],
    ["https://app.test/deep/notes", true],
  );
});

test("a login that needs a second factor goes on with its challenge and a code, and a wrong code is a typed error", async () => {
  for (const storage of ["memory", "cookies"]) {
    const world = new World();
    const { client } = world.tab({ storage });
    const problem = (members) => Response.json(members, { status: 401, headers: { "content-type": "application/problem+json" } });
    world.network = ({ url, body }) => {
      const { otp, challenge, assertion } = JSON.parse(body);
      if (url.endsWith("/v1/tokens")) return problem({ code: "second_factor_required", challenge: "c1", methods: ["otp", "passkey"] });
      if (!url.endsWith("/v1/tokens/continue")) return undefined;
      if ((otp !== "123456" && assertion?.id !== "key") || challenge !== "c1") return problem({ code: "wrong_otp" });
      return Response.json(world.service.pair(world.service.open(), JSON.parse(body)).body);
    };
    const refused = await world.until(client.login(LOGIN).catch((error) => error));
    assert.deepEqual([refused.code, refused.challenge, refused.methods], ["second_factor_required", "c1", ["otp", "passkey"]]);
    const { challenge } = refused;
    await assert.rejects(world.until(client.continue({ challenge, otp: "000000" })), { code: "wrong_otp" });
    assert.notEqual(client.state.status, "signed-in");
    assert.equal((await world.until(client.continue({ challenge, otp: "123456" }))).username, "ada");
    assert.equal(client.state.status, "signed-in");
    const assertion = { id: "key", type: "public-key", response: {} };
    assert.equal((await world.until(client.continue({ challenge, assertion }))).username, "ada");
  }
});

test("a re-authentication never puts a token for tokensmith itself in the place of one for another audience", async () => {
  for (const storage of ["memory", "cookies"]) {
    const { world, client } = await signedIn({ storage, audience: "https://notes.test" });
    world.network = ({ url }) =>
      url.endsWith("/reauthenticate")
        ? Response.json({ ...world.service.pair(world.service.sessions.get("s1"), {}).body, access_token: "s1@for-tokensmith" })
        : undefined;
    await world.until(client.reauthenticate("right"));
    await world.until(client.fetch(NOTES));
    assert.match(authorizations(world).at(-1), /^Bearer s1@\d+$/);
    assert.equal(world.refreshes, 1, "the new token knows of the password");
  }
});

test("after close nothing runs by itself, and what the app still asks for works", async () => {
  const { world, tab, client } = await signedIn();
  await world.advance(150_000);
  client.close();
  const timers = world.timers.size;
  assert.deepEqual([tab.wakes.length, timers], [0, 0]);
  await world.until(client.refresh());
  assert.equal(world.timers.size, 0);
  await world.advance(3_600_000);
  assert.equal(world.refreshes, 1);
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
  await world.until(client.login(LOGIN));
  await world.until(client.logout());
});

test("the refresh token in a storage of one's own is never told to other tabs", async () => {
  const storage = { get: () => "s1:1", set: () => {}, remove: () => {} };
  const { world, client } = await signedIn({ storage });
  const heard = [];
  const channel = world.channel(world.channels[0].name);
  channel.onmessage = ({ data }) => heard.push(data);
  channel.postMessage({ type: "hello" });
  await world.until(client.refresh());
  await world.advance(100);
  assert.ok(heard.length > 0);
  assert.ok(!JSON.stringify(heard).includes("refresh_token"), JSON.stringify(heard));
});

test("a storage that fails for a while does not bring an old token back", async () => {
  let [kept, isFull] = [null, false];
  const set = (value) => {
    if (isFull) throw new Error("QuotaExceededError");
    kept = value;
  };
  const { world, tab, client } = await signedIn({ storage: { get: () => kept, set, remove: () => void (kept = null) } });
  isFull = true;
  await world.advance(450_000);
  assert.deepEqual([kept, client.state.status], ["s1:1", "signed-in"]);
  isFull = false;
  await world.advance(200_000);
  assert.deepEqual([client.state.status, tab.told, world.service.ends], ["signed-in", [], []]);
  assert.equal(kept, `s1:${world.service.sessions.get("s1").through + 1}`);
});

test("an answer that speaks of the request and not of the session signs nobody out", async () => {
  for (const [status, code] of [[400, "session_cookies_off"], [400, "invalid_target"], [403, "csrf_refused"], [404, "not_found"]]) {
    let kept = null;
    const storage = { get: () => kept, set: (value) => void (kept = value), remove: () => void (kept = null) };
    const { world, tab, client } = await signedIn({ storage });
    world.network = ({ url }) => (url.endsWith("/refresh") ? Response.json({ status, code }, { status }) : undefined);
    await assert.rejects(world.until(client.refresh()), { code });
    await world.advance(1_000_000);
    assert.deepEqual([client.state.status, tab.told, kept], ["signed-in", [], "s1:1"]);
    assert.ok(world.refreshes < 40, String(world.refreshes));
    const reloaded = world.tab({ storage });
    await assert.rejects(world.until(reloaded.client.restore()), { code });
    assert.equal(reloaded.client.state.status, "unknown");
  }
});

test("Retry-After is kept also when requests of the app wait for a token", async () => {
  const { world, client } = await signedIn();
  world.network = ({ url }) =>
    url.endsWith("/refresh") ? Response.json({ code: "overloaded" }, { status: 503, headers: { "retry-after": "120" } }) : undefined;
  await world.advance(301_000);
  const before = world.refreshes;
  for (let count = 0; count < 10; count += 1) await assert.rejects(world.until(client.fetch(NOTES)), { code: "overloaded" });
  assert.ok(world.refreshes - before <= 1, String(world.refreshes - before));
  world.network = () => undefined;
  await world.advance(120_000);
  assert.equal((await world.until(client.fetch(NOTES))).status, 200);
});

test("a 200 that is not the service's is no answer", async () => {
  const { world, client } = await signedIn();
  let answers = 0;
  world.network = ({ url }) => (url.endsWith("/refresh") && answers++ < 2 ? Response.json({ portal: "please sign in" }) : undefined);
  await world.until(client.refresh());
  assert.deepEqual([answers, client.state.status, client.state.user.username], [3, "signed-in", "ada"]);
});

test("a Request with a body is sent again also where Request has no `body`", async () => {
  const { world, client } = await signedIn();
  const token = await client.accessToken();
  const bodies = [];
  class WithoutBody extends Request {
    get body() {
      return undefined;
    }
    clone() {
      return new WithoutBody(super.clone());
    }
  }
  const request = new WithoutBody(NOTES, { method: "POST", body: "a note" });
  world.fetch = ((fetch) => async (input, init, tab) => {
    if (!(input instanceof Request)) return fetch.call(world, input, init, tab);
    bodies.push(await input.text());
    return fetch.call(world, input.url, init, tab);
  })(world.fetch);
  world.network = ({ headers }) =>
    headers.get("authorization") === `Bearer ${token}`
      ? new Response("", { status: 401, headers: { "www-authenticate": 'Bearer error="invalid_token"' } })
      : undefined;
  await world.advance(11_000);
  assert.equal((await world.until(client.fetch(request))).status, 200);
  assert.deepEqual(bodies, ["a note", "a note"]);
});

test("another login in one tab replaces the user in all tabs", async () => {
  const { world, client } = await signedIn();
  const other = world.tab();
  await world.until(other.client.restore());
  await world.until(other.client.login(LOGIN));
  await world.advance(100);
  assert.match(await world.until(client.accessToken()), /^s2@/);
  await world.advance(1_000_000);
  assert.equal(client.state.status, "signed-in");
});

test("the state is the same object until it changes", async () => {
  const { world, client } = await signedIn();
  const { state } = client;
  let calls = 0;
  const stop = client.subscribe(() => (calls += 1));
  await world.advance(1_000_000);
  assert.equal(client.state, state);
  stop();
  await world.until(client.logout());
  assert.notEqual(client.state, state);
});

test("four tabs and a network that loses answers: nobody is signed out", async () => {
  for (const storage of ["memory", "cookies"]) {
    const { world, tab } = await signedIn({ storage });
    let seed = 7;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    world.network = ({ url }) => (!url.endsWith("/refresh") || random() > 0.2 ? undefined : random() < 0.5 ? "lost" : "unanswered");
    world.latency = () => 5 + 200 * random();
    const tabs = [tab];
    for (let count = 0; count < 3; count += 1) {
      tabs.push(world.tab({ storage, services: ["https://notes.test"] }));
      await world.until(tabs.at(-1).client.restore());
    }
    for (let hour = 0; hour < 5; hour += 1) {
      await world.advance(3_600_000);
      for (const { client } of tabs) assert.equal((await world.until(client.fetch(NOTES))).status, 200);
    }
    assert.ok(tabs.every(({ client, told }) => client.state.status === "signed-in" && told.length === 0));
    assert.deepEqual(world.service.ends, []);
    assert.ok(world.refreshes > 80, String(world.refreshes));
  }
});
