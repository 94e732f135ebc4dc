// The book's browser app on an origin of its own, and Chromium.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { issuer, password, username } from "./harness.mjs";

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Notes</title>
<script type="importmap">{"imports": {"oidc-client-ts": "/oidc-client-ts.js", "jwt-decode": "/jwt-decode.js"}}</script>
<script type="module">
import * as auth from "/auth.js";
const result = auth.signedIn().then((user) => ({ user }), (error) => ({ error: error.error ?? String(error) }));
Object.assign(window, { auth, result });
</script>
<p>Notes</p></html>`;

const LIBRARIES = {
  "/oidc-client-ts.js": "node_modules/oidc-client-ts/dist/esm/oidc-client-ts.js",
  "/jwt-decode.js": "node_modules/jwt-decode/build/esm/index.js",
};

/** Serves the app as the book has it, with the addresses and the client_id of this run. */
export async function serve(clientId) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const script = path === "/auth.js" ? block("auth.js") : LIBRARIES[path] && readFileSync(LIBRARIES[path]);
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ?? PAGE);
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const origin = `http://localhost:${server.address().port}`;
  const block = (name) => readFileSync(`book/spa/${name}`, "utf8")
    .replaceAll("http://localhost:5173", origin).replaceAll("http://127.0.0.1:8080", issuer)
    .replaceAll("notes-web", clientId);
  execFileSync("bash", ["-euc", block("register.sh").replace("target/release/tokensmith", process.env.TOKENSMITH)]);
  return { origin, stop: () => server.close() };
}

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

/** Opens the app and has it send the browser to the service. */
export async function begin(page, origin) {
  await page.goto(origin);
  await page.waitForFunction("window.auth");
  await page.evaluate("auth.signIn()").catch(() => {}); // The page may be gone before the answer.
  await page.waitForURL(`${issuer}/oauth/**`);
}

/** Logs in by keyboard alone. */
export async function logIn(page, secret = password) {
  const focused = await page.evaluate("document.activeElement.name");
  if (focused !== "username") throw new Error(`the field for the username has the focus, not ${focused}`);
  await page.keyboard.type(username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(secret);
  await page.keyboard.press("Enter");
}

export const decide = (page, decision) => page.click(`button[name=decision][value=${decision}]`);

/** What the app got when it was opened again: a user or an error. */
export async function result(page, origin) {
  await page.waitForURL(`${origin}/**`);
  await page.waitForFunction("window.result");
  return page.evaluate("result");
}
