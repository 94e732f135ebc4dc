// Sign-in at a provider from a page of an app on the service's host, in Chromium; and what a service in Node learns of it.
import assert from "node:assert/strict";
import { createVerifier } from "tokensmith/verify";
import { Front, launch, logIn, restore, Service, step, tab } from "./harness.mjs";
import { configure, openid } from "./upstream.mjs";

const front = await Front.start();
front.origin = front.origin.replace("127.0.0.1", "localhost");
const service = await Service.start(`${process.env.FOLDER}/providers`, { issuer: front.origin, OUTBOUND_ALLOW: "127.0.0.0/8" });
front.service = service;
service.addUser("ada");
const provider = await openid("127.0.0.2", `${front.origin}/login/callback/staff`);
await configure(service.env, "staff", "generic", provider.issuer);
const verifier = createVerifier({ issuer: front.origin, audience: front.origin });
const browser = await launch();
const context = await browser.newContext();

/** Has the page of the app leave for the provider; ends where that leads. */
const leave = (page, how) => Promise.all([page.waitForNavigation(), page.evaluate(
  ([baseUrl, how]) => import("/tokensmith/providers.js").then(({ signInWith }) => signInWith("staff", { baseUrl, ...how })),
  [front.origin, how],
)]);

const claims = async () => verifier.verify((await context.cookies(front.origin)).find(({ name }) => name === "ts_access").value);

await step("a user who has linked an identity comes back from the provider to the path, with a session", async () => {
  const page = await tab(context, front, { storage: "cookies" });
  assert.equal(await logIn(page, "ada"), "ada");
  assert.equal((await claims()).idp, undefined);
  await page.goto(`${front.origin}/account/identities`);
  await page.click("button[value=link]");
  await page.waitForURL(`${provider.issuer}/**`);
  assert.deepEqual(await provider.pass(page, "ada-there"), ["login", "consent"]);
  await context.clearCookies({ name: /^ts_/ });

  await page.goto(`${front.origin}/app?list=1#new`);
  assert.equal(await restore(page), null);
  await leave(page, { returnTo: "/app?list=2" });
  assert.equal(page.url(), `${front.origin}/app?list=2`);
  assert.equal(await restore(page), "ada");
  const { idp, amr } = await claims();
  assert.deepEqual([idp, amr], ["staff", []]);
  await page.evaluate("client.logout()");

  await page.goto(`${front.origin}/app?list=3#old`);
  await leave(page, {});
  assert.equal(page.url(), `${front.origin}/app?list=3#old`, "to the page that was left, by default");
  assert.equal(await restore(page), "ada");
  assert.equal(await page.evaluate("client.fetch('/v1/me').then(({ status }) => status)"), 200);
  await page.close();
});

await step("who agrees to nothing there is told so, and is not signed in", async () => {
  await context.clearCookies();
  const page = await tab(context, front, { storage: "cookies" });
  await leave(page, {});
  await Promise.all([page.waitForNavigation(), page.click("a[href*=abort]")]);
  assert.match(await page.innerText("main"), /You have not agreed there/);
  await page.goto(`${front.origin}/app`);
  assert.equal(await restore(page), null);
});

await browser.close();
verifier.close();
provider.stop();
front.stop();
await service.stop();
