// What the programs here share: the service with users, and the origin that browsers see, which loses what it is told to.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { Agent, createServer, request as forward } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { chromium } from "playwright-core";

export { wait };
export const PASSWORD = "a long passphrase of Ada's";

/** Starts a program; whatever happens here, it does not stay. */
export function start(command, parameters, options) {
  const child = spawn(command, parameters, options);
  process.once("exit", () => child.kill());
  return child;
}

process.setMaxListeners(50);
process.once("SIGTERM", () => process.exit(1));

/** Runs a step and says so in a line. */
export async function step(what, run) {
  const began = performance.now();
  try {
    await run();
    console.log(`  ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.error(`  FAILED: ${what}`);
    throw error;
  }
}

/** Waits until something is true, for a minute at most; returns the milliseconds that it took. */
export async function until(what, check) {
  const began = performance.now();
  for (;;) {
    if (await check()) return performance.now() - began;
    assert.ok(performance.now() - began < 60_000, `not in time: ${what}`);
    await wait(20);
  }
}

export async function listen(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

/**
 * A port that no program listens on. From 32768 on the kernel could give it to a connection before the server starts; browsers refuse
 * some ports below 11000.
 */
export async function freePort() {
  for (;;) {
    const port = 11_000 + Math.floor(21_000 * Math.random());
    const server = createServer();
    const error = await new Promise((resolve) => server.once("error", resolve).listen(port, "127.0.0.1", resolve));
    if (error?.code === "EADDRINUSE") continue;
    assert.ifError(error);
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** The service on a folder of its own. `issuer` is the URL that clients see; by default the service's own. */
export class Service {
  static async start(folder, { issuer, ...settings } = {}) {
    const service = new Service();
    mkdirSync(folder, { recursive: true });
    const port = await freePort();
    service.address = `http://127.0.0.1:${port}`;
    service.folder = folder;
    service.env = {
      ...process.env, LISTEN: `127.0.0.1:${port}`, ISSUER: issuer ?? service.address, DATABASE_URL: `sqlite://${folder}/tokensmith.db`,
      KEYS_DIR: `${folder}/keys`, FIRST_ADMIN_PASSWORD_FILE: `${folder}/password`, TRUSTED_PROXIES: "127.0.0.1", RUST_LOG: "warn",
      ...settings,
    };
    await service.run();
    return service;
  }

  async run() {
    const log = openSync(`${this.folder}/log`, "a");
    this.process = start(process.env.TOKENSMITH, { cwd: this.folder, env: this.env, stdio: ["ignore", log, log] });
    const isReady = () => fetch(`${this.address}/readyz`).then(({ ok }) => ok, () => false);
    await until("the service is ready", () => {
      assert.equal(this.process.exitCode, null, readFileSync(`${this.folder}/log`, "utf8"));
      return isReady();
    });
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
  }

  /** Runs a command of the operator. */
  operate(...command) {
    const done = spawnSync(process.env.TOKENSMITH, command, { env: this.env, cwd: this.folder, input: PASSWORD, encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout;
  }

  addUser(name, ...options) {
    this.operate("users", "create", name, ...options, "--password-stdin");
  }

  async post(path, body, headers = {}) {
    const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
    const response = await fetch(this.address + path, init);
    const text = await response.text();
    return { status: response.status, json: text ? JSON.parse(text) : undefined, cookies: response.headers.getSetCookie() };
  }

  async login(username) {
    const { status, json } = await this.post("/v1/tokens", { username, password: PASSWORD });
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  }
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "tokensmith": "/tokensmith/index.js", "tokensmith/passkeys": "/tokensmith/passkeys.js" } }</script>
<script type="module">
import { createClient } from "tokensmith";
window.told = [];
window.start = (options) => {
  window.client = createClient({ onSignedOut: (reason) => told.push(reason), ...options });
  return client.restore().then((user) => user?.username ?? null);
};
window.isLoaded = true;
</script>`;

/** The origin of an app: its page, the package, and all else from the service behind it. */
export class Front {
  /** What happens to a request: `undefined`, "lost", "unanswered", or milliseconds that it takes longer. */
  fate = () => undefined;
  requests = [];
  /** The highest generation of each session. */
  generations = new Map();
  agent = new Agent({ keepAlive: true });

  static async start() {
    const front = new Front();
    front.server = createServer((request, response) => void front.answer(request, response));
    front.origin = `http://127.0.0.1:${await listen(front.server)}`;
    return front;
  }

  async answer(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    if (pathname === "/app") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    if (pathname.startsWith("/tokensmith/")) {
      const script = readFileSync(new URL(`dist/${pathname.slice(12)}`, process.env.PACKAGE));
      return response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    }
    const script = { "/worker.js": this.worker, "/app.mjs": this.app }[pathname];
    if (script) return response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    this.requests.push(pathname);
    const fate = this.fate(request, pathname);
    if (fate === "lost") return response.destroy();
    if (typeof fate === "number") await wait(fate);
    const { hostname, port } = new URL(this.service.address);
    const headers = { ...request.headers, "x-forwarded-for": "127.0.0.1" };
    const sent = forward({ hostname, port, path: request.url, method: request.method, headers, agent: this.agent }, (answer) => {
      if (pathname === "/v1/tokens/refresh" && request.method === "POST") this.note(answer);
      if (fate === "unanswered") {
        answer.resume();
        answer.on("end", () => response.destroy());
      } else {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
      }
    });
    sent.on("error", () => response.headersSent || response.writeHead(502).end());
    request.pipe(sent);
  }

  note(answer) {
    let body = "";
    answer.on("data", (data) => (body += data));
    answer.on("end", () => {
      const { session_id, refresh_generation = 0 } = JSON.parse(body);
      this.generations.set(session_id, Math.max(refresh_generation, this.generations.get(session_id) ?? 0));
    });
  }

  count(path) {
    return this.requests.filter((one) => one === path).length;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
    this.agent.destroy();
  }
}

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A tab with the app, in which a client is started; returns the page. */
export async function tab(context, front, options) {
  const page = await context.newPage();
  await page.goto(`${front.origin}/app`);
  page.options = { baseUrl: front.origin, ...options };
  page.signedIn = await restore(page);
  return page;
}

/** Starts the client of a page that was loaded; returns who is signed in. */
export async function restore(page) {
  await page.waitForFunction("window.isLoaded");
  return page.evaluate((options) => start(options), page.options);
}

/** Who is signed in in a page. In memory it learns that from another tab, which may answer later than the page waits at its start. */
export async function user(page) {
  if (page.options.storage === "memory") await page.waitForFunction("client.state.status === 'signed-in'");
  return page.evaluate("client.state.user?.username ?? null");
}

export const logIn = (page, username) =>
  page.evaluate((login) => client.login(login).then((user) => user.username), { username, password: PASSWORD });

export const status = (page) => page.evaluate("client.state.status");
export const told = (page) => page.evaluate("told");
