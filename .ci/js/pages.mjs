// What users of an app see, in Chromium with real pages.
import assert from "node:assert/strict";
import { Front, launch, logIn, PASSWORD, restore, Service, status, step, tab, told, until, user, wait } from "./harness.mjs";

const REFRESH = "/v1/tokens/refresh";
const front = await Front.start();
const service = await Service.start(`${process.env.FOLDER}/pages`, {
  issuer: front.origin, ACCESS_TOKEN_LIFETIME: "6s", REFRESH_SETTLE_WINDOW: "1s", REFRESH_RETRY_WINDOW: "3s",
});
front.service = service;
service.addUser("ada");
const browser = await launch();

/** A browser of its own, with two tabs in which Ada is signed in. */
async function twoTabs(storage) {
  const context = await browser.newContext();
  const one = await tab(context, front, { storage });
  assert.equal(one.signedIn, null);
  assert.equal(await logIn(one, "ada"), "ada");
  const other = await tab(context, front, { storage });
  assert.equal(await user(other), "ada", "the other tab knows who is signed in");
  return { context, one, other };
}

const get = (page, path) => page.evaluate((path) => client.fetch(path).then((response) => response.status), path);

await step("a session that the login page has opened is found", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${front.origin}/login?return_to=/app`);
  await page.fill("[name=username]", "ada");
  await page.fill("[name=password]", PASSWORD);
  await page.click("button[type=submit]");
  await page.waitForURL(`${front.origin}/app`);
  page.options = { baseUrl: front.origin, storage: "cookies" };
  assert.equal(await restore(page), "ada");
  await context.close();
});

for (const storage of ["cookies", "memory"]) {
  console.log(storage);
  const { context, one, other } = await twoTabs(storage);

  await step("log in, reload, still in", async () => {
    await one.reload();
    await restore(one);
    assert.equal(await user(one), "ada");
    assert.equal(await get(one, "/v1/me"), 200);
    if (storage === "cookies") {
      assert.equal(await one.evaluate("document.cookie"), "", "no script reads the cookies");
      for (const cookie of await context.cookies()) assert.ok(cookie.httpOnly && cookie.sameSite === "Lax", JSON.stringify(cookie));
      await other.close();
      await one.reload();
      assert.equal(await restore(one), "ada", "also as the only tab");
    }
  });

  const another = storage === "cookies" ? await tab(context, front, { storage }) : other;

  await step("two tabs that refresh at the same instant send one request", async () => {
    await wait(1_500);
    // Long enough for both to meet it.
    front.fate = (_request, path) => (path === REFRESH ? 500 : undefined);
    for (let round = 0; round < 5; round += 1) {
      // No timer comes to its end meanwhile.
      await one.evaluate("client.refresh()");
      const before = front.count(REFRESH);
      const at = Date.now() + 1_000;
      const refresh = (page) => page.evaluate((at) => new Promise((resolve) => setTimeout(resolve, at - Date.now())).then(() => client.refresh()), at);
      await Promise.all([refresh(one), refresh(another)]);
      assert.equal(front.count(REFRESH), before + 1, `round ${round}`);
    }
    front.fate = () => undefined;
  });

  await step("two tabs whose timers come to an end together send one request", async () => {
    const before = front.count(REFRESH);
    await until("a refresh", () => front.count(REFRESH) > before);
    await wait(1_000);
    assert.equal(front.count(REFRESH), before + 1);
  });

  await step("the service is restarted, and the session goes on in both tabs", async () => {
    await service.stop();
    const waiting = [one, another].map((page) => page.evaluate("client.refresh().then(() => client.state.status)"));
    await wait(1_000);
    await service.run();
    assert.deepEqual(await Promise.all(waiting), ["signed-in", "signed-in"]);
    assert.equal(await get(another, "/v1/me"), 200);
  });

  await step("a logout in one tab signs out the other, and each says so once", async () => {
    await one.evaluate("client.logout()");
    await until("the other tab is signed out", async () => (await status(another)) === "signed-out");
    assert.deepEqual([await told(one), await told(another)], [["logout"], ["logout"]]);
    assert.equal(await get(another, "/v1/me"), 401);
    const before = front.count(REFRESH);
    await one.reload();
    assert.equal(await restore(one), null);
    assert.ok(front.count(REFRESH) <= before + 1);
    if (storage === "cookies") assert.deepEqual(await context.cookies(), []);
  });
  await context.close();

  await step("a stolen token that is used again ends the session, and both tabs say so once", async () => {
    const { context, one, other } = await twoTabs(storage);
    const stolen = await stolenToken(context, one, storage);
    // The owner refreshes until the stolen token has been replaced too long ago.
    await wait(1_100);
    await one.evaluate("client.refresh()");
    await wait(3_100);
    await one.evaluate("client.refresh()");
    const replayed = await service.post(REFRESH, { refresh_token: stolen });
    assert.equal(replayed.json.code, "refresh_token_reused");
    await until("both tabs are signed out", async () => (await status(one)) === "signed-out" && (await status(other)) === "signed-out");
    await wait(1_000);
    assert.deepEqual([await told(one), await told(other)], [["reuse"], ["reuse"]]);
    const before = front.count(REFRESH);
    await wait(2_000);
    assert.equal(front.count(REFRESH), before, "nothing is refused twice");
    await context.close();
  });
}

/** What a thief gets: the cookie from the disk, or the token from the messages between tabs. */
async function stolenToken(context, page, storage) {
  if (storage === "cookies") return (await context.cookies()).find(({ name }) => name.includes("ts_refresh")).value;
  return page.evaluate((origin) => new Promise((resolve) => {
    const channel = new BroadcastChannel(`tokensmith memory  ${origin}`);
    channel.onmessage = ({ data }) => data.type === "pair" && resolve(data.pair.refresh_token);
    channel.postMessage({ type: "hello" });
  }), front.origin);
}

await browser.close();
front.stop();
await service.stop();
