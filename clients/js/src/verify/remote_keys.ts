// Keys that are fetched from the issuer: one fetch at a time, before the copy expires, and for an unknown key at most once per
// cooldown. While the issuer is down, the last copy stays in force.

import type { Clock } from "./clock.js";
import type { IssuerClient, Published } from "./issuer.js";
import { jwksEtag, readJwks, type VerificationKeys } from "./keys.js";

/** The pause after a failed fetch, which doubles each time, and the longest; in milliseconds. */
const RETRY_AFTER = [1_000, 30_000] as const;

/** When announced keys are fetched again if they were not there: another instance of the issuer may not know them yet. */
const ANNOUNCED_AGAIN_AFTER = [1_000, 30_000] as const;

export class RemoteKeys {
  keys: VerificationKeys | undefined;
  readonly #client: IssuerClient;
  readonly #issuer: string;
  readonly #cooldown: number;
  readonly #clock: Clock;
  readonly #log: (message: string) => void;
  #url: string | undefined;
  #last: Published | undefined;
  #etag: string | undefined;
  /** The second at which the copy expires. */
  #freshUntil = -Infinity;
  #failures = 0;
  #underWay: Promise<void> | undefined;
  /** Whether keys were announced during a fetch, which may have started too early. */
  #isAgain = false;
  #promptedAt = -Infinity;
  #pauseUntil = -Infinity;
  #announced: { etag: string | undefined; at: number; pause: number } | undefined;

  constructor(client: IssuerClient, issuer: string, cooldown: number, clock: Clock, log: (message: string) => void) {
    this.#client = client;
    this.#issuer = issuer;
    this.#cooldown = cooldown;
    this.#clock = clock;
    this.#log = log;
    this.#fetch(false);
  }

  /** Whether the copy has expired and the issuer is in reach, so that the keys should be fetched before they are used. */
  get isStale(): boolean {
    return this.#isOver && this.#failures === 0;
  }

  /** Fetches newer keys, if it is time to, and waits for them; returns whether they may have changed. */
  async renew(): Promise<boolean> {
    const { steady, isClosed } = this.#clock;
    if (!this.#underWay) {
      if (isClosed) return false;
      const isOver = this.#isOver;
      const isDue = isOver ? steady() >= this.#pauseUntil : steady() >= this.#promptedAt + this.#cooldown;
      if (!isDue) return false;
      if (!isOver) this.#promptedAt = steady();
      this.#fetch(true);
    }
    await this.#underWay;
    return true;
  }

  /** The issuer announces its current keys by their entity tag; `undefined` means unknown keys. Fetches them if they are not
   * known. */
  announce(etag: string | undefined): void {
    const now = this.#clock.steady();
    const announced = this.#announced;
    if (etag !== undefined && etag === this.#etag) {
      // Instances that disagree for a moment do not reset the pauses.
      if (announced && announced.at <= now) this.#announced = undefined;
      return;
    }
    const isSame = announced !== undefined && announced.etag === etag;
    if (isSame && now < announced.at) return;
    const pause = isSame ? Math.min(2 * announced.pause, ANNOUNCED_AGAIN_AFTER[1]) : ANNOUNCED_AGAIN_AFTER[0];
    this.#announced = { etag, at: now + pause, pause };
    if (this.#underWay) this.#isAgain = true;
    else this.#fetch(true);
  }

  get #isOver(): boolean {
    return this.#clock.now() >= this.#freshUntil;
  }

  #fetch(isPrompted: boolean): void {
    this.#underWay = this.#attempt(isPrompted).then((pause) => {
      this.#underWay = undefined;
      if (this.#isAgain && !this.#clock.isClosed) {
        this.#isAgain = false;
        this.#fetch(true);
      } else {
        this.#clock.later("keys", pause, () => this.#underWay ?? this.#fetch(false));
      }
    });
  }

  /** Returns the pause until the next attempt. */
  async #attempt(isPrompted: boolean): Promise<number> {
    try {
      // Looked up again after every failure, since it may have moved.
      const url = this.#url ?? (await this.#client.metadata(this.#issuer)).jwks_uri;
      this.#url = undefined;
      const [published, maxAge] = await this.#client.jwks(url, this.#last?.etag, isPrompted);
      if (published) await this.#takeUp(published);
      this.#url = url;
      if (this.#failures > 0) this.#log("the issuer's keys can be fetched again");
      this.#failures = 0;
      this.#freshUntil = this.#clock.now() + maxAge;
      this.#pauseUntil = -Infinity;
      // Before the copy expires, so that no request waits for the next one.
      return maxAge * 800;
    } catch (error) {
      if (this.#failures === 0 && !this.#clock.isClosed) this.#log(`cannot fetch the issuer's keys: ${reason(error)}`);
      const pause = Math.min(RETRY_AFTER[0] * 2 ** this.#failures, RETRY_AFTER[1]);
      this.#failures += 1;
      this.#pauseUntil = this.#clock.steady() + pause;
      return pause;
    }
  }

  async #takeUp(published: Published): Promise<void> {
    if (this.#last?.json !== published.json) {
      this.keys = await readJwks(published.json);
      this.#etag = await jwksEtag(published.json);
    }
    this.#last = published;
  }
}

/** Why something failed, in a line; `fetch` hides the cause. */
export function reason(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
