// Follows the issuer's denylist. Each poll returns at once if there is news, and otherwise after a second. So the local copy
// is never much older than that, and its age is known.

import type { Clock } from "./clock.js";
import { DeniedSet } from "./denied.js";
import { StatusError, type IssuerClient } from "./issuer.js";
import { verifyPage, type Page } from "./page.js";
import { reason, type RemoteKeys } from "./remote_keys.js";
import { MAX_CLOCK_SKEW, TokenError } from "./token.js";

/** How many seconds the issuer lets a poll wait for news. */
const WAIT = 1;

/** Pauses in milliseconds: between polls, after one that failed, and if the issuer has no denylist, since it may get one. */
const PAUSES = { usual: 200, failed: 1_000, seldom: 60_000 };

/** How long missing keys are not reported, in milliseconds: they arrive soon. */
const PATIENCE = 5_000;

class NotPublished extends Error {
  override readonly message = "the issuer publishes no denylist_uri";
}

class NoKeys extends Error {
  override readonly message = "the issuer's keys are not known yet";
}

export class Feed {
  readonly denied = new DeniedSet();
  readonly settled: Promise<void>;
  readonly #client: IssuerClient;
  readonly #issuer: string;
  readonly #keys: RemoteKeys;
  readonly #clock: Clock;
  /** The greatest accepted age of the copy, in milliseconds. */
  readonly #within: number;
  readonly #log: (message: string) => void;
  #isSettled = false;
  #settle = () => {};
  /** The greatest possible age of the copy in milliseconds; none before the first response. */
  #age: (() => number) | undefined;
  #url: string | undefined;
  #cursor: string | undefined;
  #incompleteUntil = -Infinity;
  #failingSince: number | undefined;
  #hasTold = false;

  constructor(
    client: IssuerClient,
    issuer: string,
    keys: RemoteKeys,
    clock: Clock,
    within: number,
    log: (message: string) => void,
  ) {
    this.#client = client;
    this.#issuer = issuer;
    this.#keys = keys;
    this.#clock = clock;
    this.#within = within * 1000;
    this.#log = log;
    this.settled = new Promise((resolve) => {
      this.#settle = () => {
        this.#isSettled = true;
        resolve();
      };
    });
    void this.#follow();
  }

  /** The greatest possible age of the copy in seconds; `undefined` before the first response. */
  get staleness(): number | undefined {
    return this.#age && this.#age() / 1000;
  }

  get isTooStale(): boolean {
    const age = this.#age?.() ?? Infinity;
    return !this.#isSettled || (this.#within !== Infinity && age > this.#within);
  }

  /** Ends waits for the first response, since there will be none. */
  close(): void {
    this.#settle();
  }

  async #follow(): Promise<void> {
    const askedAt = this.#clock.steady();
    const pause = await this.#poll(this.#clock.stopwatch()).then(
      () => this.#hasPolled(askedAt),
      (error: unknown) => this.#hasFailed(error, askedAt),
    );
    if (this.#failingSince === undefined || this.#hasTold) this.#settle();
    // A program that waits for the first response must not end meanwhile.
    this.#clock.later("denylist", pause, () => void this.#follow(), !this.#isSettled);
  }

  #hasPolled(askedAt: number): number {
    if (this.#hasTold) this.#log("the issuer's denylist is followed again");
    this.#hasTold = false;
    this.#failingSince = undefined;
    return this.#untilNext(askedAt);
  }

  #hasFailed(error: unknown, askedAt: number): number {
    this.#failingSince ??= askedAt;
    const isAboutKeys = error instanceof NoKeys || (error instanceof TokenError && error.code === "token_unknown_key");
    const isPatient = isAboutKeys && this.#clock.steady() - this.#failingSince < PATIENCE;
    if (!isPatient && !this.#hasTold && !this.#clock.isClosed) {
      this.#log(`cannot follow the issuer's denylist: ${reason(error)}`);
      this.#hasTold = true;
    }
    if (error instanceof NotPublished) return PAUSES.seldom;
    return isPatient ? this.#untilNext(askedAt) : PAUSES.failed;
  }

  #untilNext(askedAt: number): number {
    return Math.max(0, PAUSES.usual - (this.#clock.steady() - askedAt));
  }

  /** Polls once and adds what is new. */
  async #poll(sinceAsked: () => number): Promise<void> {
    const url = this.#url ?? (await this.#client.metadata(this.#issuer)).denylist_uri;
    if (url === undefined) throw new NotPublished();
    for (;;) {
      // After a failure it is looked up again: it may have moved, and the cursor may no longer be valid.
      this.#url = undefined;
      const page = await this.#page(url);
      this.#url = url;
      page.addTo(this.denied);
      this.#incompleteUntil = Math.max(this.#incompleteUntil, page.unknownUntil);
      this.#cursor = page.cursor;
      if (!page.more) return this.#isComplete(page, sinceAsked);
    }
  }

  async #page(url: string): Promise<Page> {
    let document: string;
    try {
      document = await this.#client.denylist(url, this.#cursor, WAIT);
    } catch (error) {
      if (error instanceof StatusError && error.status >= 400 && error.status < 500) this.#cursor = undefined;
      throw error;
    }
    const { keys } = this.#keys;
    if (!keys) throw new NoKeys();
    try {
      const page = await verifyPage(document, keys, this.#issuer, this.#clock.now());
      this.#keys.announce(page.jwks_etag);
      return page;
    } catch (error) {
      if (error instanceof TokenError && error.code === "token_unknown_key") this.#keys.announce(undefined);
      throw error;
    }
  }

  #isComplete({ iat, as_of }: Page, sinceAsked: () => number): void {
    const now = this.#clock.now();
    this.denied.forget(now);
    if (now < this.#incompleteUntil) throw new Error("it denies something that this version does not understand");
    const atFirst = lag(iat, as_of, now) * 1000;
    this.#age = () => atFirst + sinceAsked();
  }
}

/** How old a copy is whose response took no time, in seconds. The response was made after the request and includes what was
 * denied before `as_of`; both are whole seconds. The age of a replayed older response is measured with our own clock. */
export function lag(iat: number, asOf: number, now: number): number {
  return Math.max(0, iat - asOf + 1, now - MAX_CLOCK_SKEW - asOf);
}
