// The example of a page without a build, as its reader starts it, in Chromium.
import assert from "node:assert/strict";
import { freePort, launch, PASSWORD, Service, start, step, until } from "./harness.mjs";

const service = await Service.start(`${process.env.FOLDER}/spa`);
service.addUser("ada");
const port = await freePort();
const example = start(`${process.env.EXAMPLES}/spa/run`, [], { env: { ...process.env, ISSUER: service.address, PORT: String(port) }, stdio: ["ignore", "ignore", "inherit"] });
const url = `http://127.0.0.1:${port}/`;
await until("the example is served", () => fetch(url).then(({ ok }) => ok, () => false));
const browser = await launch();
const context = await browser.newContext();

await step("log in, call the service, reload, and log out in another tab", async () => {
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(url);
  await page.waitForSelector("form:not([hidden])");
  assert.deepEqual(complaints, [], "where nobody is signed in, nothing is refused");
  await page.fill("[name=username]", "ada");
  await page.fill("[name=password]", "wrong");
  await page.click("form button");
  await page.waitForFunction(() => document.querySelector("output").textContent !== "");
  await page.fill("[name=password]", PASSWORD);
  await page.click("form button");
  await page.waitForSelector("section:not([hidden])");
  await page.click("#call");
  await page.waitForFunction(() => document.querySelector("output").textContent.includes('"session_id"'));
  await page.reload();
  await page.waitForSelector("section:not([hidden])");
  assert.match(await page.innerText("section"), /Signed in as ada/);
  const other = await context.newPage();
  await other.goto(url);
  await other.waitForSelector("section:not([hidden])");
  await other.click("#out");
  await page.waitForSelector("form:not([hidden])");
  assert.equal(await page.innerText("output"), "You were signed out: logout");
});

await browser.close();
example.kill();
await service.stop();
