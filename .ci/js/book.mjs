// The book's code for the package, as it is written there but for addresses.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { freePort, Front, launch, PASSWORD, Service, start, step, tab, until } from "./harness.mjs";

const front = await Front.start();
const service = await Service.start(`${process.env.FOLDER}/book`, { issuer: front.origin, SCOPES: "notes:read" });
front.service = service;
service.addUser("ada");
service.addUser("root", "--role", "admin");
const [ada, root] = [await service.login("ada"), await service.login("root")];
const port = await freePort();

/** A block of the book in a file, with the addresses of this run. */
function block(name, replaced = {}) {
  let text = readFileSync(name, "utf8").replaceAll("http://127.0.0.1:8080", front.origin);
  for (const [documented, actual] of Object.entries(replaced)) {
    assert.ok(text.includes(documented), `${name} has no ${documented}`);
    text = text.replaceAll(documented, actual);
  }
  writeFileSync(`run-${name}`, text);
  return `run-${name}`;
}

const get = (url, token) => fetch(url, { headers: token ? { authorization: `Bearer ${token}` } : {} });

/** Runs a program; returns its status and what it prints. */
function run(...command) {
  const child = start("node", command, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (text += data));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, text })));
}

await step("verify.mjs prints who it is, and refuses the rest", async () => {
  const program = block("verify.mjs");
  assert.deepEqual(await run(program, ada.access_token), { status: 0, text: `${ada.user.id}\n` });
  for (const [token, code] of [["garbage", "token_malformed"], [ada.refresh_token, "token_wrong_type"]]) {
    const { status, text } = await run(program, token);
    assert.equal(status, 1);
    assert.ok(text.includes(code), text);
  }
  const { GET } = await import(`./${program}`);
  const request = (token) => new Request("http://notes.test/", { headers: token ? { authorization: `Bearer ${token}` } : {} });
  assert.deepEqual(await (await GET(request(ada.access_token))).json(), { owner: ada.user.id });
  assert.equal((await GET(request())).status, 401);
});

await step("server.mjs lets in who may", async () => {
  const notes = `http://127.0.0.1:${port}`;
  const express = start("node", [block("server.mjs", { 8093: port })], { stdio: "inherit" });
  await until("it listens", () => get(`${notes}/notes`).then(() => true, () => false));
  assert.equal((await get(`${notes}/notes`, ada.access_token)).status, 200);
  assert.equal((await get(`${notes}/admin`, root.access_token)).status, 200);
  assert.equal((await get(`${notes}/admin`, ada.access_token)).status, 403);
  assert.equal((await get(`${notes}/notes`, "garbage")).status, 401);
  express.kill();
});

await step("resource.mjs says which issuer to ask", async () => {
  const resource = `http://127.0.0.1:${port + 1}`;
  const express = start("node", [block("resource.mjs", { 8097: port + 1 })], { stdio: "inherit" });
  await until("it listens", () => get(resource).then(() => true, () => false));
  const challenge = (await get(`${resource}/notes`)).headers.get("www-authenticate");
  const url = /resource_metadata="([^"]+)"/.exec(challenge)[1];
  assert.deepEqual((await (await fetch(url)).json()).authorization_servers, [front.origin]);
  express.kill();
});

await step("app.mjs logs in, calls, and logs out, in Chromium", async () => {
  const browser = await launch();
  const page = await tab(await browser.newContext(), front, { storage: "memory" });
  front.app = readFileSync(block("app.mjs", { "https://notes.example": front.origin, "seven quiet lamps by the river": PASSWORD }));
  const before = front.requests.length;
  await page.evaluate(() => {
    window.showLogin = (reason) => told.push(reason);
    return import("/app.mjs");
  });
  assert.deepEqual(await page.evaluate("told"), ["logout"]);
  const requests = front.requests.slice(before).filter((path) => path !== "/.well-known/denylist");
  assert.deepEqual(requests, ["/v1/tokens/refresh", "/v1/tokens", "/notes", "/v1/logout"]);
  await browser.close();
});

await step("greeting.tsx shows who is signed in, in React", async () => {
  process.env.BASE_URL = front.origin;
  const { Window } = await import("happy-dom");
  const window = new Window();
  const { document, navigator } = window;
  Object.assign(globalThis, { window, document, navigator });
  const { createElement } = await import("react");
  const { createRoot } = await import("react-dom/client");
  const { Greeting } = await import("./built/greeting.js");
  const { session } = await import("./built/session.js");
  const element = document.createElement("div");
  createRoot(element).render(createElement(Greeting));
  const shows = (text) => until(text, () => element.textContent === text);
  await shows("Please log in");
  await session.login({ username: "ada", password: PASSWORD });
  await shows("Hello ada");
  await session.logout();
  await shows("Please log in");
});

front.stop();
await service.stop();
process.exit();
