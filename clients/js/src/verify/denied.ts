// What is denied, and until when.

import { uuid, type AccessClaims } from "./claims.js";

/** A denial of everything of a client or of a user that was issued before an instant. */
interface Before {
  issuedBefore: number;
  exp: number;
}

export class DeniedSet {
  readonly #sessions = new Map<string, number>();
  readonly #tokens = new Map<string, number>();
  readonly #clients = new Map<string, Before[]>();
  readonly #users = new Map<string, Before[]>();
  #forgotten = 0;

  denySession(sid: string, exp: number): void {
    extend(this.#sessions, uuid(sid) ?? sid, exp);
  }

  denyToken(jti: string, exp: number): void {
    extend(this.#tokens, jti, exp);
  }

  denyClient(clientId: string, issuedBefore: number, exp: number): void {
    add(this.#clients, clientId, { issuedBefore, exp });
  }

  denyUser(sub: string, issuedBefore: number, exp: number): void {
    add(this.#users, sub, { issuedBefore, exp });
  }

  denies({ sid, jti, client_id, sub, iat }: AccessClaims): boolean {
    const isBefore = (denials: Before[] | undefined) => denials?.some(({ issuedBefore }) => iat < issuedBefore) ?? false;
    return (
      (sid !== undefined && this.#sessions.has(uuid(sid) ?? sid)) ||
      this.#tokens.has(jti) ||
      isBefore(this.#clients.get(client_id)) ||
      isBefore(this.#users.get(sub))
    );
  }

  /** Removes denials whose tokens have expired; once a minute is enough. */
  forget(now: number): void {
    if (now < this.#forgotten + 60 && now >= this.#forgotten) return;
    this.#forgotten = now;
    for (const denied of [this.#sessions, this.#tokens]) {
      for (const [id, exp] of denied) if (exp <= now) denied.delete(id);
    }
    for (const denied of [this.#clients, this.#users]) {
      for (const [name, denials] of denied) {
        const left = denials.filter(({ exp }) => exp > now);
        if (left.length > 0) denied.set(name, left);
        else denied.delete(name);
      }
    }
  }

  /** What is denied, for tests: of two instants for one user the later counts. */
  get content(): { sid: string[]; jti: string[]; kinds: { kind: "client" | "user"; id: string; before: number }[] } {
    const kinds = (kind: "client" | "user", denied: Map<string, Before[]>) =>
      [...denied].map(([id, denials]) => ({ kind, id, before: Math.max(...denials.map((denial) => denial.issuedBefore)) }));
    return {
      sid: [...this.#sessions.keys()],
      jti: [...this.#tokens.keys()],
      kinds: [...kinds("client", this.#clients), ...kinds("user", this.#users)],
    };
  }
}

function extend(denied: Map<string, number>, id: string, exp: number): void {
  denied.set(id, Math.max(exp, denied.get(id) ?? exp));
}

function add(denied: Map<string, Before[]>, name: string, denial: Before): void {
  const others = denied.get(name)?.filter(({ issuedBefore }) => issuedBefore !== denial.issuedBefore) ?? [];
  const same = denied.get(name)?.find(({ issuedBefore }) => issuedBefore === denial.issuedBefore);
  denied.set(name, [...others, { ...denial, exp: Math.max(denial.exp, same?.exp ?? denial.exp) }]);
}
