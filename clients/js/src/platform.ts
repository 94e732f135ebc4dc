// What the client uses of the browser, of a service worker, or of Node. Tests have a platform of their own.

/** A channel to the other tabs. */
export interface Channel {
  postMessage(message: unknown): void;
  close(): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

export interface Platform {
  fetch(url: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** The time of day in milliseconds. Somebody may set it. */
  wall(): number;
  /** Milliseconds since some instant. It may stand still while the machine sleeps. */
  steady(): number;
  /** Calls a function later; returns what cancels that. A process may end before a timer that is in the background. */
  later(run: () => void, milliseconds: number, isInBackground?: boolean): () => void;
  /** A random number from 0 to 1. */
  random(): number;
  locks: Pick<LockManager, "request"> | undefined;
  channel(name: string): Channel | undefined;
  /** Whether the pages of this origin have a mark of this name, after it was set or removed; true where none can be kept, as in
   * workers. */
  mark(name: string, isSet?: boolean): boolean;
  /** The URL of the page, if there is one. */
  page: string | undefined;
  /** What relative URLs of requests start from: a page can name another place than its own, by `<base>`. */
  base(): string | undefined;
  /** Whether this is a browser, where other tabs have the same user. */
  isBrowser: boolean;
  isVisible(): boolean;
  /** Calls a function when the user comes back to the tab, or the network is there again; returns what ends that. */
  onWake(run: () => void): () => void;
}

export function thisPlatform(): Platform {
  const { document, location, navigator, performance } = globalThis;
  return {
    fetch: (url, init) => fetch(url, init),
    wall: () => Date.now(),
    steady: () => performance.now(),
    later(run, milliseconds, isInBackground) {
      const timer: unknown = setTimeout(run, milliseconds);
      if (isInBackground) (timer as { unref?: () => void }).unref?.();
      return () => clearTimeout(timer as number);
    },
    random: Math.random,
    locks: navigator?.locks,
    channel(name) {
      if (typeof BroadcastChannel === "undefined") return undefined;
      const channel = new BroadcastChannel(name);
      (channel as unknown as { unref?: () => void }).unref?.();
      return channel;
    },
    mark(name, isSet) {
      try {
        const { localStorage } = window;
        if (isSet) localStorage.setItem(name, "1");
        else if (isSet === false) localStorage.removeItem(name);
        return localStorage.getItem(name) !== null;
      } catch {
        return true;
      }
    },
    page: location?.href,
    base: () => document?.baseURI ?? location?.href,
    isBrowser: document !== undefined || "WorkerGlobalScope" in globalThis,
    isVisible: () => document?.visibilityState !== "hidden",
    onWake(run) {
      const ending = new AbortController();
      const { signal } = ending;
      document?.addEventListener("visibilitychange", run, { signal });
      globalThis.addEventListener?.("online", run, { signal });
      globalThis.addEventListener?.("pageshow", run, { signal });
      return () => ending.abort();
    },
  };
}

/** Starts to measure; the result returns the milliseconds since then. A late timer, sleep and a changed clock never make it
 * shorter than the time that a token has lived: the longer one of two measures counts. */
export function stopwatch({ wall, steady }: Platform, elapsed = 0): () => number {
  const begun = { wall: wall() - elapsed, steady: steady() - elapsed };
  return () => Math.max(wall() - begun.wall, steady() - begun.steady);
}
