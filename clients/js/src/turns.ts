// One task at a time in all tabs, by Web Locks. Where there are none, one at a time in this tab.

import type { Platform } from "./platform.js";

/** How long another tab may take; then it is not waited for. */
const PATIENCE = 20_000;

export class Turns {
  readonly #platform: Platform;
  readonly #name: string | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Without a name, the tabs are not waited for. */
  constructor(platform: Platform, name: string | undefined) {
    this.#platform = platform;
    this.#name = name;
  }

  /** Runs a task when it is its turn; the task is told whether another tab had its turn right before. */
  run<T>(task: (isAfterOther: boolean) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#amongTabs(task));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #amongTabs<T>(task: (isAfterOther: boolean) => Promise<T>): Promise<T> {
    const { locks } = this.#platform;
    const name = this.#name;
    if (!locks || !name) return task(false);
    // Set as soon as the task runs: its own errors are none of the locks'.
    let turn: Promise<T> | undefined;
    const begin = (isAfterOther: boolean) => (turn = task(isAfterOther));
    const impatience = new AbortController();
    const cancel = this.#platform.later(() => impatience.abort(), PATIENCE);
    try {
      await locks.request(name, { ifAvailable: true }, (lock) => (lock ? begin(false) : undefined));
      if (!turn) await locks.request(name, { signal: impatience.signal }, () => begin(true));
    } catch {
      // The task's error, or there are no locks here (a sandbox), or the other tab hangs.
    } finally {
      cancel();
    }
    return turn ?? task(true);
  }
}
