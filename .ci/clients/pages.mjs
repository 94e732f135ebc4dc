// The pages for users in Chromium: axe-core finds nothing in any of them, on a phone and on a desk, in the light and in the
// dark. With SCREENSHOTS=folder they are also kept as pictures to look at.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { begin, decide, launch, logIn, result, serve } from "./app.mjs";
import { issuer, register, step } from "./harness.mjs";

const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const { origin, stop } = await serve("notes-pages");
const browser = await launch();
const page = await (await browser.newContext()).newPage();

/** Looks at the page that is open in a tab. */
async function look(name, tab = page) {
  for (const [device, width, height] of [["phone", 360, 740], ["desk", 1280, 800]]) {
    await tab.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await tab.emulateMedia({ colorScheme });
      const wider = await tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      assert.ok(wider <= 0, `${name} is ${wider} pixels too wide for a ${device}`);
      const what = `${name}-${device}-${colorScheme}`;
      if (process.env.SCREENSHOTS) await tab.screenshot({ path: `${process.env.SCREENSHOTS}/${what}.png` });
      await tab.evaluate(axe);
      const { violations } = await tab.evaluate("axe.run()");
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
      assert.deepEqual(found, [], what);
    }
  }
}

const reached = async (status, path) => {
  const answer = await page.goto(`${issuer}${path}`);
  assert.equal(answer.status(), status, `${path}: ${await page.innerText("body")}`);
};

await step("login", async () => {
  await begin(page, origin);
  await look("login");
});

await step("login with a wrong password", async () => {
  await logIn(page, "wrong");
  await page.waitForSelector("[role=alert]");
  await look("login-refused");
  await page.fill("[name=password]", process.env.PASSWORD);
  await page.keyboard.press("Enter");
});

await step("consent", async () => {
  await page.waitForSelector("[value=allow]");
  await look("consent");
});

await step("what is over", async () => {
  const over = page.url();
  await decide(page, "allow");
  assert.ok((await result(page, origin)).user);
  await page.goto(over);
  await look("over");
});

const [request] = await Promise.all([
  page.waitForRequest((request) => request.url().startsWith(`${issuer}/oauth/authorize`)),
  begin(page, origin),
]);

await step("another account", async () => {
  await page.goto(`${request.url()}&prompt=select_account`);
  await page.waitForSelector("[name=account]");
  await look("account");
});

await step("German and Spanish", async () => {
  for (const language of ["de", "es"]) {
    await page.goto(`${request.url()}&prompt=consent&ui_locales=${language}`);
    assert.equal(await page.getAttribute("html", "lang"), language);
    await page.waitForSelector("[value=allow]");
    await look(`consent-${language}`);
  }
});

await step("the way back to an app on the machine", async () => {
  const url = new URL(request.url());
  const { client_id } = register("Notes", "--redirect-uri", "com.example.notes:/callback");
  for (const [name, value] of Object.entries({ client_id, redirect_uri: "com.example.notes:/callback" })) {
    url.searchParams.set(name, value);
  }
  // In a tab of its own: Chromium asks there whether it may open the app, and takes no other input.
  const tab = await page.context().newPage();
  await tab.goto(String(url));
  await decide(tab, "allow");
  await tab.waitForSelector("main a");
  await look("way-back", tab);
  await tab.close();
});

await step("mistakes: an unknown client, an unknown redirect URI, no such page", async () => {
  await reached(400, "/oauth/authorize?client_id=unknown");
  await look("client");
  await reached(400, "/oauth/authorize?client_id=notes-pages&redirect_uri=https%3A%2F%2Felsewhere.example%2F");
  await look("redirect-uri");
});

await step("the question before a logout, and the end of it", async () => {
  await reached(200, "/oauth/logout");
  await look("logout");
  await page.click("main button");
  await page.locator("form").waitFor({ state: "detached" });
  await look("logged-out");
});

await browser.close();
stop();
