// An issuer for tests of the verifier: its documents, and a `fetch` that counts what is asked for. Time is not real.
import { mock } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createVerifier } from "../dist/verify/index.js";
import { jwksEtag } from "../dist/verify/keys.js";

export const ISSUER = "https://id.test";
export const AUDIENCE = "https://api.test";
const START = 1_800_000_000_000;

/** Stops time; returns what lets it pass. */
export function stopTime() {
  let [elapsed, running] = [0, 0];
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => elapsed);
  // Signatures are made and verified on other threads, however long that takes there.
  for (const name of ["sign", "verify", "digest", "importKey"]) {
    const original = crypto.subtle[name].bind(crypto.subtle);
    mock.method(crypto.subtle, name, (...parameters) => {
      running += 1;
      return original(...parameters).finally(() => (running -= 1));
    });
  }
  const settle = async () => {
    for (let idle = 0; idle < 10; idle = running > 0 ? 0 : idle + 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => START + elapsed,
    async pass(milliseconds) {
      const step = milliseconds > 10_000 ? 1_000 : 100;
      await settle();
      for (let left = milliseconds; left > 0; left -= step) {
        elapsed += Math.min(left, step);
        mock.timers.tick(Math.min(left, step));
        await settle();
      }
    },
    restore() {
      mock.timers.reset();
      mock.restoreAll();
    },
  };
}

export class Issuer {
  keys = [];
  denials = [];
  kinds = [];
  asked = [];
  /** Replaces answers: `(url) => Response | undefined`; may throw. */
  instead = () => undefined;
  metadata = { issuer: ISSUER, jwks_uri: `${ISSUER}/keys`, denylist_uri: `${ISSUER}/denied` };

  static async start(time) {
    const issuer = new Issuer();
    issuer.time = time;
    await issuer.addKey("one");
    return issuer;
  }

  async addKey(kid) {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    this.keys.push({ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } });
  }

  get seconds() {
    return Math.floor(this.time.now() / 1000);
  }

  token(claims = {}, kid = this.keys.at(-1).kid) {
    const { privateKey } = this.keys.find((key) => key.kid === kid);
    const iat = this.seconds;
    return new SignJWT({
      iss: ISSUER, aud: AUDIENCE, sub: "u1", client_id: "first-party", jti: "AAECAwQFBgcICQoLDA0ODw", iat, exp: iat + 300,
      sid: "019a0000-0000-7000-8000-000000000001", ...claims,
    }).setProtectedHeader({ alg: "ES256", kid, typ: "at+jwt" }).sign(privateKey);
  }

  jwks() {
    return JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) });
  }

  async page(since) {
    const { kid, privateKey } = this.keys.at(-1);
    const iat = this.seconds;
    return new SignJWT({
      iss: ISSUER, aud: `${ISSUER}/.well-known/denylist`, iat, exp: iat + 60, as_of: iat, jwks_etag: await jwksEtag(this.jwks()),
      cursor: String(this.denials.length), more: false, denied: this.denials.slice(Number(since ?? 0)), denied_by_kind: this.kinds,
    }).setProtectedHeader({ alg: "ES256", kid, typ: "denylist+jwt" }).sign(privateKey);
  }

  fetch = async (url, init) => {
    const { pathname, searchParams } = new URL(url);
    this.asked.push({ pathname, since: searchParams.get("since"), wait: searchParams.get("wait"), init });
    const instead = await this.instead(url);
    if (instead) return instead;
    if (pathname === "/.well-known/oauth-authorization-server") return Response.json(this.metadata);
    if (pathname === "/keys") {
      const etag = await jwksEtag(this.jwks());
      if (new Headers(init.headers).get("if-none-match") === etag) return new Response(null, { status: 304 });
      return new Response(this.jwks(), { headers: { etag, "cache-control": "public, max-age=300" } });
    }
    if (pathname === "/denied") return new Response(await this.page(searchParams.get("since")));
    return new Response("", { status: 404 });
  };

  /** How often a path was asked for. */
  count(pathname) {
    return this.asked.filter((one) => one.pathname === pathname).length;
  }

  verifier(options = {}) {
    const log = [];
    const verifier = createVerifier({
      issuer: ISSUER, audience: AUDIENCE, fetch: this.fetch, now: this.time.now, log: (line) => log.push(line), ...options,
    });
    return Object.assign(verifier, { log });
  }
}
