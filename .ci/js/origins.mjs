// An app on another origin than the service, with services of its own, in Chromium: who gets a token, and who does not.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Front, launch, listen, logIn, PASSWORD, restore, Service, status, step, tab } from "./harness.mjs";

const seen = [];
/** A service that allows the app, notes what it gets, and sends some requests elsewhere. */
function echo(front, elsewhere) {
  return createServer((request, response) => {
    if (request.method !== "OPTIONS") seen.push([request.headers.host, request.url, request.headers.authorization]);
    response.setHeader("access-control-allow-origin", front.origin);
    response.setHeader("access-control-allow-headers", "authorization");
    if (request.url === "/moved" && request.method !== "OPTIONS") response.writeHead(307, { location: elsewhere() });
    response.end("{}");
  });
}

const front = await Front.start();
const evil = echo(front, () => "");
const evilUrl = `http://127.0.0.1:${await listen(evil)}`;
const notes = echo(front, () => `${evilUrl}/stolen`);
const notesUrl = `http://127.0.0.1:${await listen(notes)}`;
const service = await Service.start(`${process.env.FOLDER}/origins`, { CORS_ORIGINS: front.origin });
front.service = service;
service.addUser("ada");
const browser = await launch();

for (const storage of ["cookies", "memory"]) {
  const context = await browser.newContext();
  const page = await tab(context, front, { storage, baseUrl: service.address, services: [notesUrl] });
  await logIn(page, "ada");
  const get = (url, init) => page.evaluate(([url, init]) => client.fetch(url, init).then(({ status }) => status, () => "failed"), [url, init]);
  /** Which requests have come with a token. */
  const tokens = () => seen.splice(0).map(([host, path, authorization]) => [`http://${host}${path}`, authorization !== undefined]);

  await step(`${storage}: the app's services get the token, and nobody else does, not by a redirect either`, async () => {
    assert.equal(await get(`${notesUrl}/notes`), 200);
    assert.equal(await get(`${evilUrl}/notes`), 200);
    assert.deepEqual(tokens(), [[`${notesUrl}/notes`, true], [`${evilUrl}/notes`, false]]);
    assert.equal(await get(`${notesUrl}/moved`), "failed");
    assert.deepEqual(tokens(), [[`${notesUrl}/moved`, true]]);
    await get(`${notesUrl}/moved`, { redirect: "follow" });
    assert.ok(tokens().every(([url, hasToken]) => hasToken === url.startsWith(notesUrl)));
  });

  await step(`${storage}: the service on another origin: calls, password again, reload, logout`, async () => {
    assert.equal(await get(`${service.address}/v1/me`), 200);
    await page.evaluate((password) => client.reauthenticate(password), PASSWORD);
    assert.equal(await get(`${service.address}/v1/me`), 200);
    await page.reload();
    assert.equal(await restore(page), storage === "cookies" ? "ada" : null);
    if (storage === "memory") await logIn(page, "ada");
    await page.evaluate("client.logout()");
    assert.equal(await status(page), "signed-out");
    assert.equal(await get(`${service.address}/v1/me`), 401);
  });

  await step(`${storage}: a worker has the same user`, async () => {
    await logIn(page, "ada");
    const username = await page.evaluate((options) => new Promise((resolve, reject) => {
      const text = `import { createClient } from "${location.origin}/tokensmith/index.js";
        const client = createClient(${JSON.stringify(options)});
        // In memory the page may answer later than the client waits at its start.
        client.subscribe(() => client.state.status === "signed-in" && postMessage(client.state.user.username));
        void client.restore();`;
      const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })), { type: "module" });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = () => reject(new Error("the worker failed"));
    }), page.options);
    assert.equal(username, "ada");
  });

  if (storage === "cookies") {
    await step("a service worker has the same user", async () => {
      front.worker = `import { createClient } from "/tokensmith/index.js";
        const client = createClient(${JSON.stringify(page.options)});
        addEventListener("message", async ({ source }) => source.postMessage((await client.restore())?.username ?? null));`;
      const username = await page.evaluate(async () => {
        const { active, installing } = await navigator.serviceWorker.register("/worker.js", { type: "module" });
        const answered = new Promise((resolve) => (navigator.serviceWorker.onmessage = ({ data }) => resolve(data)));
        (active ?? installing).postMessage("who?");
        return answered;
      });
      assert.equal(username, "ada");
    });
  }
  await context.close();
}

await browser.close();
front.stop();
notes.close();
evil.close();
await service.stop();
