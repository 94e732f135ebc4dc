// The session of a user, in a tab of a browser or elsewhere.

import type { components } from "./api.js";
import { isOfSession, isTemporary, TokensmithError, type SignedOutReason } from "./error.js";
import { stopwatch, type Platform } from "./platform.js";
import { Sender } from "./sender.js";
import { Service } from "./service.js";
import { Session } from "./session.js";
import { cookieJar, customJar, memoryJar, type Jar, type Pair, type TokenStorage } from "./storage.js";
import { Tabs, type News } from "./tabs.js";
import { Turns } from "./turns.js";

export type User = components["schemas"]["User"];

export interface Options {
  /** The URL of the service, as in `https://id.example.com`. */
  baseUrl: string;
  /** Where the refresh token is kept: in a cookie that no script can read, in memory (a reload signs out), or in a place of
   * your own. */
  storage: "cookies" | "memory" | TokenStorage;
  /** The origins of your services. Besides the service itself, only they get the access token. */
  services?: string[];
  /** The audience of the access tokens, if the service has several. */
  audience?: string;
  /** Says that users of this app sign in by `login`, and nowhere else. With cookies, `restore` then asks the service only if
   * somebody has signed in here (a mark in `localStorage` says so). By default it always asks, since a login page or
   * another app may have opened the session; where no user is signed in, browsers log that refusal. */
  ownLoginsOnly?: boolean;
  /** Called once in each tab when the user was signed in and is no longer. */
  onSignedOut?: (reason: SignedOutReason) => void;
  /** Whether other tabs, or workers, have the same user. By default they have in a browser. */
  tabs?: boolean;
  /** Seconds to wait for an answer of the service; 10 by default. */
  timeout?: number;
  /** Seconds for which a refresh without an answer is tried again at once; 60 by default, and less than the service's
   * `REFRESH_RETRY_WINDOW`. Later it is tried again from time to time. */
  retryFor?: number;
}

export interface State {
  /** It is unknown until `restore` has an answer. */
  readonly status: "unknown" | "signed-in" | "signed-out";
  readonly user: User | null;
  /** Why the user is no longer signed in. */
  readonly reason?: SignedOutReason | undefined;
}

/** A password, or what a passkey has signed (a JSON object, as `PublicKeyCredential.toJSON()` returns it). */
export type Login = ({ username: string; password: string } | { assertion: object }) & {
  /** The user's name for the device. */
  label?: string;
};

/** What a login goes on with: a code of an authenticator app, a recovery code, or what another method needs. */
export interface Step {
  challenge: string;
  otp?: string;
  recoveryCode?: string;
  /** A JSON object, as `PublicKeyCredential.toJSON()` returns it. */
  assertion?: object;
}

/** How long the answer of another tab is waited for, in milliseconds. */
const NEWS_WITHIN = 250;

/** The first pause after a refresh without an answer, which doubles each time, and the longest. */
const PAUSES = [500, 8_000] as const;

/** After this time a refresh that was given up is tried again, and a timer looks at the clock again. */
const LATER = 30_000;

export class Client {
  readonly #options: Options;
  readonly #platform: Platform;
  /** @internal */
  readonly service: Service;
  readonly #jar: Jar;
  readonly #turns: Turns;
  readonly #tabs: Tabs;
  readonly #sender: Sender;
  readonly #needsToken: boolean;
  /** The mark that somebody has signed in here, if the app wants one: pages cannot read the cookies. */
  readonly #mark: string | undefined;
  readonly #listeners = new Set<() => void>();
  #state: State = { status: "unknown", user: null };
  #session: Session | undefined;
  /** The session that ended last: late news of it count for nothing. */
  #endedSession: string | undefined;
  #refreshing: Promise<void> | undefined;
  #restoring: Promise<User | null> | undefined;
  #cancelTimer = () => {};
  /** Not over while a refresh was given up a short time ago. */
  #isPaused = () => false;
  /** The answer in which the service said when to try again, until then. */
  #tooEarly = (): unknown => undefined;
  #isClosed = false;
  readonly #sleep: () => void;

  constructor(options: Options, platform: Platform) {
    const { storage, services = [], timeout = 10 } = options;
    this.#options = options;
    this.#platform = platform;
    this.service = new Service(platform, options.baseUrl, timeout * 1000, storage === "cookies");
    // The access cookie is for the service itself.
    const needsHeader = services.length > 0 || options.audience !== undefined;
    this.#jar = storage === "cookies" ? cookieJar(needsHeader) : storage === "memory" ? memoryJar : customJar(storage);
    this.#needsToken = storage !== "cookies" || needsHeader;
    const hasTabs = options.tabs ?? platform.isBrowser;
    const kind = typeof storage === "string" ? storage : "custom";
    const name = hasTabs ? `tokensmith ${kind} ${options.audience ?? ""} ${this.service.base}` : undefined;
    if (options.ownLoginsOnly && storage === "cookies") this.#mark = `tokensmith ${this.service.base}`;
    this.#turns = new Turns(platform, name);
    this.#tabs = new Tabs(platform, name, (news) => this.#hear(news));
    this.#sender = new Sender(platform, this.service, services, this, storage === "cookies" && options.audience !== undefined);
    this.#sleep = platform.onWake(() => {
      // The service knows a lost answer for a short time only.
      this.#isPaused = () => false;
      this.#tick();
    });
  }

  /** Whether somebody is signed in, and who. The object is another one whenever that changes. */
  get state(): State {
    return this.#state;
  }

  /** Calls a function at every change of the state; returns what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Signs in. A refusal is a `TokensmithError`, as `bad_credentials`. */
  login(login: Login): Promise<User> {
    const { audience } = this.#options;
    return this.#turns.run(async () => {
      const body = { ...login, audience, ...this.#jar.asked };
      const pair = await this.service.postForPair("assertion" in login ? "/v1/tokens/passkey" : "/v1/tokens", body);
      return this.#keep(pair, true, this.#session);
    });
  }

  /** Goes on after `login` or `reauthenticate` has failed with `second_factor_required`: with the `challenge` of that error, and
   * what one of its `methods` needs. */
  continue({ challenge, otp, recoveryCode, assertion }: Step): Promise<User> {
    return this.#prove("/v1/tokens/continue", { challenge, otp, recovery_code: recoveryCode, assertion });
  }

  /** Finds out who is signed in after the page has loaded; returns the user, or `null`. With cookies it asks the service, which
   * also knows the sessions that its login page has opened; see `ownLoginsOnly`. */
  restore(): Promise<User | null> {
    this.#restoring ??= this.#restore().finally(() => (this.#restoring = undefined));
    return this.#restoring;
  }

  /** Ends the session, in all tabs. If the service cannot be reached, this fails and the user stays signed in. */
  logout(): Promise<void> {
    return this.#turns.run(async () => {
      const session = this.#session;
      try {
        if (this.#options.storage === "cookies") await this.service.post("/v1/logout", undefined, { keepalive: true });
        else await this.#revoke();
      } catch (error) {
        // The session is over already.
        if (!(error instanceof TokensmithError && error.status === 401)) throw error;
      }
      await this.#jar.clear();
      this.#end("logout", session);
    });
  }

  /** Gives the password again, or uses a passkey, before a sensitive action (`reauthentication_required`). */
  async reauthenticate(proof: string | { assertion: object }): Promise<void> {
    const token = this.#options.storage === "cookies" ? undefined : await this.accessToken();
    const headers: HeadersInit = token ? { authorization: `Bearer ${token}` } : {};
    await this.#prove("/v1/me/reauthenticate", typeof proof === "string" ? { password: proof } : proof, { headers });
  }

  /** As the global `fetch`, but the service and your `services` get the access token, which is refreshed when it is time. */
  readonly fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => this.#sender.fetch(input, init);

  /** An access token that is valid now, for requests that `fetch` does not send; `undefined` if no user is signed in, or if a
   * cookie has it. */
  async accessToken(): Promise<string | undefined> {
    if (this.#state.status === "unknown") await this.restore();
    const session = this.#session;
    if (session && session.untilDue <= 0 && (session.isExpired || !this.#mustWait)) {
      const refreshed = this.refresh();
      // Only an expired token makes a request wait.
      if (session.isExpired) await refreshed;
      else refreshed.catch(() => {});
    }
    return this.#session?.pair.access_token;
  }

  /** Refreshes now, or waits for the refresh under way. A refusal signs out; it is not an error. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
      this.#schedule();
    });
    return this.#refreshing;
  }

  /** Ends timers and the channel to the other tabs. The user stays signed in. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#sleep();
    this.#tabs.close();
    this.#listeners.clear();
  }

  /** Posts what the user shows, and keeps the pair. With `extra` it is that of the session before. */
  async #prove(path: string, shown: object, extra?: RequestInit): Promise<User> {
    let isAnew = false;
    const user = await this.#turns.run(async () => {
      const known = this.#session;
      const body = { ...shown, ...this.#jar.asked };
      const pair = await this.service.postForPair(path, body, extra);
      const isLogin = !extra && pair.session_id !== known?.pair.session_id;
      // After re-authentication its access token is for the service itself; no other audience may see it.
      isAnew = !isLogin && this.#options.audience !== undefined;
      return isAnew ? pair.user : this.#keep(pair, isLogin, known);
    });
    if (isAnew) await this.refresh();
    return user;
  }

  async #restore(): Promise<User | null> {
    if (this.#state.status === "unknown") {
      const isInMemory = this.#options.storage === "memory";
      if (isInMemory && this.#tabs.areThere) {
        this.#tabs.tell({ type: "hello" });
        await this.#news();
      } else if (!isInMemory && (!this.#mark || this.#platform.mark(this.#mark))) {
        await this.refresh();
      }
      if (this.#state.status === "unknown") this.#set({ status: "signed-out", user: null });
    }
    return this.#state.user;
  }

  async #refresh(): Promise<void> {
    const tooEarly = this.#tooEarly();
    if (tooEarly) throw tooEarly;
    const { random, later } = this.#platform;
    const known = this.#session;
    const elapsed = stopwatch(this.#platform);
    const giveUpAfter = (this.#options.retryFor ?? 60) * 1000;
    for (let longest: number = PAUSES[0]; ; longest = Math.min(2 * longest, PAUSES[1])) {
      try {
        return await this.#turns.run((isAfterOther) => this.#attempt(known, isAfterOther));
      } catch (error) {
        const { retryAfter = 0 } = error instanceof TokensmithError ? error : {};
        const pause = Math.max(retryAfter * 1000, longest * (0.5 + random() / 2));
        if (!isTemporary(error) || elapsed() + pause > giveUpAfter) {
          const givenUp = stopwatch(this.#platform);
          this.#isPaused = () => givenUp() < Math.max(LATER, retryAfter * 1000);
          this.#tooEarly = () => (givenUp() < retryAfter * 1000 ? error : undefined);
          throw error;
        }
        await new Promise<void>((resolve) => later(resolve, pause));
      }
    }
  }

  /** One attempt, unless another tab has been faster: whatever was known has changed then. */
  async #attempt(known: Session | undefined, isAfterOther: boolean): Promise<void> {
    if (isAfterOther && this.#session === known) await this.#news();
    const isSignedOut = this.#state.status === "signed-out";
    if (this.#session !== known || isSignedOut) return;
    const presented = await this.#jar.presented(known?.pair);
    if (!presented) return this.#end("logout", known);
    const { audience } = this.#options;
    try {
      const pair = await this.service.postForPair("/v1/tokens/refresh", { ...presented, audience }, { keepalive: true });
      const isAnother = known !== undefined && known.pair.session_id !== pair.session_id;
      await this.#keep(pair, isAnother, known);
    } catch (error) {
      if (!isOfSession(error)) throw error;
      // Without locks, another tab may have logged in meanwhile: the refusal was of the session before.
      if (this.#session?.pair.session_id !== known?.pair.session_id) return;
      await this.#jar.clear();
      this.#end(error.reason ?? error.code, known);
    }
  }

  async #revoke(): Promise<void> {
    const presented = (await this.#jar.presented(this.#session?.pair)) as { refresh_token: string } | undefined;
    if (presented) await this.service.post("/v1/tokens/revoke", { token: presented.refresh_token }, { keepalive: true });
  }

  /** Keeps a pair that the service has answered, and tells the other tabs. Not if another tab has logged in or out meanwhile:
   * `known` is the session that the request was about. */
  async #keep(pair: Pair, isLogin: boolean, known: Session | undefined): Promise<User> {
    const session = new Session(this.#platform, pair);
    const isLate = this.#session !== known && this.#session?.pair.session_id !== pair.session_id;
    if (isLate || !this.#adopt(session)) return pair.user;
    await this.#jar.keep(pair);
    this.#tellPair(session, isLogin);
    return pair.user;
  }

  /** The refresh token stays where it is kept. */
  #tellPair(session: Session, isLogin: boolean): void {
    const { refresh_token, ...rest } = session.pair;
    this.#tabs.tellPair(session, this.#options.storage === "memory" ? session.pair : rest, isLogin);
  }

  /** Takes a session over, unless a newer pair of it is known; returns whether it was. */
  #adopt(session: Session): boolean {
    if (this.#session && session.isOlderThan(this.#session)) return false;
    this.#session = session;
    this.#isPaused = () => false;
    this.#tooEarly = () => undefined;
    if (this.#mark) this.#platform.mark(this.#mark, true);
    this.#set({ status: "signed-in", user: session.pair.user });
    this.#schedule();
    return true;
  }

  /** The user is no longer signed in; tells so once, here and in the other tabs. */
  #end(reason: SignedOutReason, session: Session | undefined): void {
    if (session) this.#tabs.tell({ type: "signed-out", sessionId: session.pair.session_id, reason });
    this.#signOut(reason, session?.pair.session_id);
  }

  #signOut(reason: SignedOutReason, sessionId: string | undefined): void {
    if (this.#mark) this.#platform.mark(this.#mark, false);
    const { status } = this.#state;
    if (status === "signed-out") return;
    this.#endedSession = sessionId;
    this.#session = undefined;
    this.#cancelTimer();
    // No user is signed in to a page that has just loaded, but it can say why the session that it found is over.
    const isNews = status === "signed-in" || !["logout", "refresh_cookie_missing"].includes(reason);
    this.#set({ status: "signed-out", user: null, reason: isNews ? reason : undefined });
    if (isNews) call(() => this.#options.onSignedOut?.(reason));
  }

  #hear(news: News): void {
    if (news.type === "hello") {
      if (this.#session) this.#tellPair(this.#session, false);
    } else if (news.type === "signed-out") {
      if (this.#session?.pair.session_id === news.sessionId) this.#signOut(news.reason, news.sessionId);
    } else {
      const { session_id } = news.pair;
      const current = this.#session?.pair.session_id;
      const isWanted = current === undefined ? session_id !== this.#endedSession : session_id === current;
      // An app on the same origin may keep the access token in a cookie where this one needs it.
      const isUseless = this.#needsToken && news.pair.access_token === undefined;
      if (isWanted || news.isLogin) this.#adopt(this.#tabs.sessionOf(isUseless ? { ...news, age: Infinity } : news));
    }
  }

  /** Waits until there is news of another tab, for a moment at most. */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#listeners.delete(done);
        resolve();
      };
      const cancel = this.#platform.later(done, NEWS_WITHIN);
      this.#listeners.add(done);
    });
  }

  #set(state: State): void {
    const { status, user } = this.#state;
    const isSame = status === state.status && JSON.stringify(user) === JSON.stringify(state.user);
    if (!isSame) this.#state = state;
    [...this.#listeners].forEach(call);
  }

  get #mustWait(): boolean {
    return this.#isPaused() || this.#tooEarly() !== undefined;
  }

  #schedule(): void {
    this.#cancelTimer();
    if (!this.#session || this.#isClosed) return;
    // Sleep stops timers, so they look at the clock from time to time.
    const pause = this.#mustWait ? LATER : Math.max(this.#session.untilDue, 0);
    this.#cancelTimer = this.#platform.later(() => this.#tick(), Math.min(pause, LATER), true);
  }

  /** Refreshes if it is time to. A hidden tab waits until it is shown, or until the app calls `fetch`. */
  #tick(): void {
    if (!this.#session || !this.#platform.isVisible()) return;
    if (this.#session.untilDue <= 0 && !this.#mustWait) this.refresh().catch(() => {});
    else this.#schedule();
  }
}

/** Calls a function of the app; its errors are the app's. */
function call(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
