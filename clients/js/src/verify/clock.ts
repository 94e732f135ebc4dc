// Time, and timers that keep no process alive.

export class Clock {
  readonly #now: () => number;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #isClosed = false;

  /** `now` returns milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The present second. */
  readonly now = (): number => Math.floor(this.#now() / 1000);

  /** Starts to measure; the result returns the milliseconds since then. The longer one of two measures counts: the steady clock
   * may stand still while the machine sleeps. */
  stopwatch(): () => number {
    const [wall, steady] = [this.#now(), this.steady()];
    return () => Math.max(this.#now() - wall, this.steady() - steady);
  }

  /** Milliseconds since some instant, by a clock that is never set. */
  readonly steady = (): number => performance.now();

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Calls a function later; there is one timer of each name. */
  later(name: string, milliseconds: number, run: () => void, keepsAlive = false): void {
    clearTimeout(this.#timers.get(name));
    if (this.#isClosed) return;
    const timer = setTimeout(run, milliseconds);
    if (!keepsAlive) (timer as { unref?: () => void }).unref?.();
    this.#timers.set(name, timer);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
