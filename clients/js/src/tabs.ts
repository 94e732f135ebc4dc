// What the tabs tell each other, by a BroadcastChannel. Where there is none, each finds out by itself.

import type { SignedOutReason } from "./error.js";
import type { Channel, Platform } from "./platform.js";
import { Session } from "./session.js";
import type { Pair } from "./storage.js";

export type News =
  /** A tab asks for the pair. */
  | { type: "hello" }
  /** The current pair. It may replace one of another session only if it is a login. */
  | { type: "pair"; pair: Pair; isLogin: boolean; age: number; sentAt: number }
  | { type: "signed-out"; sessionId: string; reason: SignedOutReason };

export class Tabs {
  readonly #platform: Platform;
  #channel: Channel | undefined;

  /** Without a name, this tab is alone. */
  constructor(platform: Platform, name: string | undefined, hear: (news: News) => void) {
    this.#platform = platform;
    try {
      this.#channel = name ? platform.channel(name) : undefined;
    } catch {
      // A sandbox without channels.
    }
    if (this.#channel) this.#channel.onmessage = ({ data }) => hear(data as News);
  }

  get areThere(): boolean {
    return this.#channel !== undefined;
  }

  tell(news: News): void {
    this.#channel?.postMessage(news);
  }

  tellPair(session: Session, pair: Pair, isLogin: boolean): void {
    this.tell({ type: "pair", pair, isLogin, age: session.age(), sentAt: this.#platform.wall() });
  }

  /** The session of a message, which may have waited while this tab was asleep. All tabs have the same clock. */
  sessionOf({ pair, age, sentAt }: Extract<News, { type: "pair" }>): Session {
    return new Session(this.#platform, pair, age + Math.max(0, this.#platform.wall() - sentAt));
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}
