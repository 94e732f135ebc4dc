// A world without real time: a service that keeps the rules of rotation, a network that loses what it is told to, and tabs
// that share locks, channels and cookies.
import { Client } from "../dist/client.js";

const USER = { id: "u1", username: "ada", email: null, name: null, roles: [] };

/** Lets everything happen that needs no time. */
async function settle() {
  for (let round = 0; round < 4; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class World {
  now = 0;
  timers = new Set();
  channels = [];
  held = new Map();
  service = new FakeService(this);
  /** What happens to a request: `undefined`, "lost" (it never arrives), "unanswered", "hangs", or a response. */
  network = () => undefined;
  latency = () => 20;
  cookies = {};
  requests = [];

  later(run, milliseconds) {
    const timer = { at: this.now + milliseconds, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  sleep(milliseconds) {
    return new Promise((resolve) => this.later(resolve, milliseconds));
  }

  /** Lets time pass. */
  async advance(milliseconds) {
    const end = this.now + milliseconds;
    await settle();
    for (;;) {
      const next = [...this.timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.now = Math.max(this.now, next.at);
      this.timers.delete(next);
      next.run();
      await settle();
    }
    this.now = end;
  }

  /** Lets time pass until a promise is settled; returns its value. */
  async until(promise) {
    let settled = false;
    const done = () => (settled = true);
    promise.then(done, done);
    for (let tries = 0; !settled; tries += 1) {
      if (tries > 3000) throw new Error("it never ends");
      await this.advance(100);
    }
    return promise;
  }

  async fetch(url, init = {}, tab) {
    const request = { url: String(url), ...init, headers: new Headers(init.headers), body: init.body, tab };
    this.requests.push(request);
    const fate = this.network(request);
    await this.sleep(this.latency());
    init.signal?.throwIfAborted();
    if (fate === "hangs") await new Promise((_, reject) => init.signal.addEventListener("abort", () => reject(init.signal.reason)));
    if (fate === "lost") throw new TypeError("fetch failed");
    if (fate instanceof Response) return fate;
    const { status, body, cookies, headers } = this.service.answer(request, init.credentials === "include" ? this.cookies : {});
    await this.sleep(this.latency());
    init.signal?.throwIfAborted();
    if (fate === "unanswered") throw new TypeError("fetch failed");
    if (cookies && init.credentials === "include") Object.assign(this.cookies, cookies);
    return new Response(body && JSON.stringify(body), { status, headers });
  }

  channel(name) {
    const channel = {
      name,
      onmessage: null,
      postMessage: (data) => {
        if (!this.channels.includes(channel)) throw new Error("InvalidStateError");
        const copy = structuredClone(data);
        for (const other of this.channels) {
          if (other !== channel && other.name === name) this.later(() => other.onmessage?.({ data: copy }), 1);
        }
      },
      close: () => this.channels.splice(this.channels.indexOf(channel), 1),
    };
    this.channels.push(channel);
    return channel;
  }

  async lock(name, options, run) {
    if (options.ifAvailable && this.held.has(name)) return run(null);
    const before = this.held.get(name);
    let release;
    const mine = new Promise((resolve) => (release = resolve));
    const chain = Promise.all([before, mine]);
    this.held.set(name, chain);
    await before;
    try {
      return await run({ name });
    } finally {
      release();
      if (this.held.get(name) === chain) this.held.delete(name);
    }
  }

  /** A tab with a client. */
  tab(options = {}, platform = {}) {
    const told = [];
    const tab = { told, wakes: [], visible: true, clock: { wall: 0, steady: 0 } };
    tab.client = new Client(
      { baseUrl: "https://id.test", storage: "memory", onSignedOut: (reason) => told.push(reason), ...options },
      {
        fetch: (url, init) => this.fetch(url, init, tab),
        wall: () => 1_000_000 + this.now + tab.clock.wall,
        steady: () => this.now + tab.clock.steady,
        later: (run, milliseconds) => this.later(run, milliseconds),
        random: () => 0.5,
        locks: { request: (name, options, run) => this.lock(name, options, run) },
        channel: (name) => this.channel(name),
        mark: () => true,
        page: "https://app.test/page",
        isBrowser: true,
        isVisible: () => tab.visible,
        onWake: (run) => {
          tab.wakes.push(run);
          return () => tab.wakes.splice(tab.wakes.indexOf(run), 1);
        },
        base: () => "https://app.test/page",
        ...platform,
      },
    );
    return tab;
  }

  /** The refreshes that were sent so far. */
  get refreshes() {
    return this.requests.filter(({ url }) => url.endsWith("/v1/tokens/refresh")).length;
  }
}

/** The rules of rotation, with settle window, retry window and lifetimes in seconds. */
class FakeService {
  settle = 10;
  retry = 90;
  lifetime = 300;
  after = 200;
  sessions = new Map();
  ends = [];

  constructor(world) {
    this.world = world;
  }

  answer({ url, headers, body }, cookies) {
    const path = new URL(url).pathname.replace(/^\/id/, "");
    const json = body?.startsWith("{") ? JSON.parse(body) : {};
    if (path === "/v1/tokens") {
      if (json.password !== "right") return this.problem(401, "bad_credentials");
      return this.pair(this.open(), json);
    }
    if (path === "/v1/tokens/refresh") return this.refresh(json, json.refresh_token ?? cookies.refresh);
    if (path === "/v1/tokens/revoke" || path === "/v1/logout") {
      const [id] = (json.token ?? cookies.refresh ?? "").split(":");
      this.end(id, "logout");
      return { status: 204, cookies: { refresh: undefined, access: undefined } };
    }
    const token = headers.get("authorization")?.replace("Bearer ", "") ?? cookies.access;
    // A live refresh cookie is judged without writing.
    const [id, until] = token ? token.split("@") : [cookies.refresh?.split(":")[0], Infinity];
    const session = this.sessions.get(id);
    if (!session || session.ended || this.world.now >= Number(until)) {
      return { status: 401, body: {}, headers: { "www-authenticate": 'Bearer error="invalid_token"' } };
    }
    return { status: 200, body: { path, echo: body ?? null } };
  }

  open() {
    const session = { id: `s${this.sessions.size + 1}`, through: 0, at: this.world.now, ended: undefined };
    this.sessions.set(session.id, session);
    return session;
  }

  refresh(json, token) {
    if (!token) return this.problem(401, "refresh_cookie_missing");
    const [id, generation] = token.split(":");
    const session = this.sessions.get(id);
    if (!session) return this.problem(401, "session_unknown");
    if (session.ended) return this.problem(401, "session_ended", session.ended);
    const age = (this.world.now - session.at) / 1000;
    const ahead = Number(generation) - session.through;
    if (ahead === 1 && (session.through === 0 || age >= this.settle)) {
      session.through += 1;
      session.at = this.world.now;
    } else if (!(ahead === 1 || (ahead === 0 && age < this.retry))) {
      this.end(id, "reuse");
      return this.problem(401, "refresh_token_reused");
    }
    return this.pair(session, json);
  }

  pair(session, { cookies, access_cookie = true }) {
    const access = `${session.id}@${this.world.now + this.lifetime * 1000}`;
    const refresh = `${session.id}:${session.through + 1}`;
    const body = {
      expires_in: this.lifetime, refresh_expires_in: 1209600, refresh_after: this.after,
      refresh_generation: session.through + 1, session_id: session.id, user: USER,
    };
    if (!cookies) return { status: 200, body: { ...body, access_token: access, token_type: "Bearer", refresh_token: refresh } };
    if (access_cookie) return { status: 200, body, cookies: { refresh, access } };
    return { status: 200, body: { ...body, access_token: access, token_type: "Bearer" }, cookies: { refresh, access: undefined } };
  }

  end(id, reason) {
    const session = this.sessions.get(id);
    if (!session || session.ended) return;
    session.ended = reason;
    this.ends.push(reason);
  }

  problem(status, code, reason) {
    return { status, body: { status, code, detail: code, ...(reason && { reason }) } };
  }
}
