// oidc-client-ts in Chromium: the book's browser app, a public client on another site than the service.
import assert from "node:assert/strict";
import { begin, decide, launch, logIn, result, serve } from "./app.mjs";
import { issuer, step, userId, username } from "./harness.mjs";

const { origin, stop } = await serve("notes-web");
const browser = await launch();
const context = await browser.newContext();
const page = await context.newPage();
const text = (page) => page.innerText("main");

await step("login by keyboard, consent, and back at the app with a user", async () => {
  await begin(page, origin);
  assert.equal(await page.getAttribute("[name=username]", "autocomplete"), "username webauthn");
  assert.equal(await page.getAttribute("[name=password]", "autocomplete"), "current-password");
  await logIn(page);
  await page.waitForSelector("[value=allow]");
  const asked = await text(page);
  for (const shown of ["Notes", new URL(origin).hostname, username]) {
    assert.ok(asked.includes(shown), `${shown} is not in: ${asked}`);
  }
  await decide(page, "allow");
  const { user, error } = await result(page, origin);
  assert.equal(user?.profile.sub, userId, error);
});

await step("userinfo from the app's page (CORS)", async () => {
  const info = await page.evaluate(`auth.call("${issuer}/oauth/userinfo").then((answer) => answer.json())`);
  assert.equal(info.preferred_username, username);
});

await step("silent renewal by refresh token", async () => {
  const [before, after] = await page.evaluate(async () => {
    const key = Object.keys(sessionStorage).find((key) => key.startsWith("oidc.user:"));
    const user = JSON.parse(sessionStorage[key]);
    sessionStorage[key] = JSON.stringify({ ...user, expires_at: 1 });
    return [user, await auth.signedIn()];
  });
  assert.notEqual(after.access_token, before.access_token);
  assert.notEqual(after.refresh_token, before.refresh_token);
});

await step("the back button shows that it is over, and gives nothing out", async () => {
  await page.goBack();
  await page.waitForURL(`${issuer}/oauth/**`);
  assert.equal(await page.locator("form").count(), 0, await text(page));
  await page.click("main a");
  assert.equal((await result(page, origin)).user?.profile.sub, userId, "the tab is still signed in");
});

await step("deny: access_denied at the app", async () => {
  const other = await context.newPage();
  await begin(other, origin);
  await decide(other, "deny");
  assert.equal((await result(other, origin)).error, "access_denied");
  await other.close();
});

await step("logout: back at the app; the next sign-in asks for the password", async () => {
  await page.evaluate("auth.signOut()").catch(() => {});
  await page.waitForURL((url) => url.origin === origin);
  assert.equal((await result(page, origin)).user, null);
  await begin(page, origin);
  assert.equal(await page.locator("[name=password]").count(), 1, await text(page));
});

await step("two tabs at once: each gets a grant of its own", async () => {
  const fresh = await browser.newContext();
  const tabs = [await fresh.newPage(), await fresh.newPage()];
  for (const tab of tabs) await begin(tab, origin);
  for (const tab of tabs) {
    await logIn(tab);
    await tab.waitForSelector("[value=allow]");
  }
  const users = [];
  for (const tab of tabs.reverse()) {
    await decide(tab, "allow");
    users.push((await result(tab, origin)).user);
  }
  assert.deepEqual(users.map((user) => user?.profile.sub), [userId, userId]);
  assert.notEqual(users[0].refresh_token, users[1].refresh_token);
  await fresh.close();
});

await step("our pages without JavaScript", async () => {
  const app = await browser.newContext();
  const start = await app.newPage();
  await start.goto(origin);
  await start.waitForFunction("window.auth");
  const [request] = await Promise.all([
    start.waitForRequest((request) => request.url().startsWith(`${issuer}/oauth/authorize`)),
    start.evaluate("auth.signIn()").catch(() => {}),
  ]);
  const without = await browser.newContext({ javaScriptEnabled: false });
  const form = await without.newPage();
  await form.goto(request.url());
  await form.fill("[name=username]", username);
  await form.fill("[name=password]", process.env.PASSWORD);
  await form.click("form:has([name=password]) button");
  await decide(form, "allow");
  await form.waitForURL(`${origin}/callback?**`);
  await start.goto(form.url());
  assert.equal((await result(start, origin)).user?.profile.sub, userId);
});

await browser.close();
stop();
