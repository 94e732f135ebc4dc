"""The denials in memory, which verification uses instead of a database."""

from __future__ import annotations

from .claims import Claims

#: How often expired denials are dropped, in seconds. They do no harm: the tokens that they deny have expired.
FORGET_EVERY = 60


class DeniedSet:
    """What is denied, and until when. One thread writes, and all read without a lock: each change is one assignment."""

    def __init__(self) -> None:
        self._sessions: dict[str, int] = {}
        self._tokens: dict[str, int] = {}
        #: By kind (`client`, `user`) and id: until when what was issued before an instant is denied.
        self._issued: dict[tuple[str, str], dict[int, int]] = {}
        self._forget_at = 0

    def denies(self, claims: Claims) -> bool:
        """Whether the token, its session, its client or its user is denied."""
        return (
            claims.jti in self._tokens
            or (claims.sid is not None and claims.sid in self._sessions)
            or (
                bool(self._issued)
                and (
                    self._denies_issued("client", claims.client_id, claims.iat)
                    or self._denies_issued("user", claims.sub, claims.iat)
                )
            )
        )

    def _denies_issued(self, kind: str, name: str, issued_at: int) -> bool:
        return any(issued_at < before for before in self._issued.get((kind, name), ()))

    def add_session(self, sid: str, until: int) -> None:
        """Denies every access token of a session."""
        self._sessions[sid] = max(until, self._sessions.get(sid, until))

    def add_token(self, jti: str, until: int) -> None:
        """Denies one access token."""
        self._tokens[jti] = max(until, self._tokens.get(jti, until))

    def add_issued(self, kind: str, name: str, before: int, until: int) -> None:
        """Denies every access token of a client or a user that was issued before an instant."""
        known = self._issued.get((kind, name), {})
        self._issued[kind, name] = {**known, before: max(until, known.get(before, until))}

    def forget(self, now: int) -> None:
        """Drops expired denials, now and then."""
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY
        self._sessions = {sid: until for sid, until in self._sessions.items() if until > now}
        self._tokens = {jti: until for jti, until in self._tokens.items() if until > now}
        issued = {
            subject: {before: until for before, until in known.items() if until > now}
            for subject, known in self._issued.items()
        }
        self._issued = {subject: known for subject, known in issued.items() if known}
