// What this tab knows of the session.

import { stopwatch, type Platform } from "./platform.js";
import type { Pair } from "./storage.js";

export class Session {
  readonly pair: Pair;
  /** Milliseconds since the pair was received, here or in another tab. */
  readonly age: () => number;

  constructor(platform: Platform, pair: Pair, age = 0) {
    this.pair = pair;
    this.age = stopwatch(platform, age);
  }

  /** Milliseconds until it is time to refresh. */
  get untilDue(): number {
    return this.pair.refresh_after * 1000 - this.age();
  }

  get isExpired(): boolean {
    return this.age() >= this.pair.expires_in * 1000;
  }

  /** Whether this is an older pair of the same session. */
  isOlderThan({ pair }: Session): boolean {
    return this.pair.session_id === pair.session_id && this.pair.refresh_generation < pair.refresh_generation;
  }
}
