//! Refreshing: the judge decides, a compare-and-set on the row makes it so, and only then is anything signed.

use super::pair::{Pair, mint, refresh_expires_at};
use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::config::Lifetimes;
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::model::denial::Denial;
use crate::model::rotation::{Refusal, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::user::User;
use crate::store::{Rotation, WriteTx};

/// What became of the row. A refusal that must be recorded is not an error: it has to be committed.
enum Outcome {
    Live(Box<(Session, User)>),
    Refused(Refusal),
    Reused(Denial),
}

/// Answers the pair that follows a refresh token, by the rules of [`crate::model::rotation`].
///
/// # Errors
/// [`Error::TokenRefused`] for what is not a valid refresh token of ours, [`Error::RefreshTokenReused`],
/// [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`], [`Error::Unavailable`].
pub fn refresh(issuer: &Issuer, token: &str) -> Result<Pair, Error> {
    let app = &issuer.app;
    let now = app.clock.now();
    // Before the database is asked: garbage costs no query.
    let claims = issuer.keys.verify_refresh(token, &app.config.issuer, now).map_err(Error::TokenRefused)?;
    match app.store.write(|tx| settle(tx, &claims, app.config.lifetimes, now))? {
        Outcome::Live(live) => {
            let (session, user) = *live;
            mint(issuer, &session, user, now)
        }
        Outcome::Refused(refusal) => Err(refusal.into()),
        Outcome::Reused(denial) => {
            issuer.denied.add([denial]);
            let RefreshClaims { sid, sub, generation, .. } = claims;
            log::warn!(session:% = sid, user:% = sub, generation; "security: refresh token reused, session ended");
            Err(Error::RefreshTokenReused)
        }
    }
}

/// A compare-and-set fails only when somebody else moved the row on, and nobody can be moved on from for ever: a mark
/// only rises, an end is final.
const MOST_JUDGEMENTS: usize = 16;

fn settle(
    tx: &mut WriteTx<'_>,
    claims: &RefreshClaims,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<Outcome, Error> {
    for _ in 0..MOST_JUDGEMENTS {
        let (session, user) = tx.reading().find_session(claims.sid)?.unzip();
        let active = user.as_ref().is_some_and(|user| user.disabled_at.is_none());
        let verdict = judge(claims.generation, session.as_ref(), active, lifetimes.windows, now);
        let (mut session, user) = match (verdict, session, user) {
            (Verdict::Refused(refusal), ..) => return Ok(Outcome::Refused(refusal)),
            (_, Some(session), Some(user)) => (session, user),
            _ => return Ok(Outcome::Refused(Refusal::UnknownSession)),
        };
        if verdict == Verdict::Reused {
            let end = End { at: now, reason: EndReason::Reuse };
            if let Some(denial) = tx.end_session(session.id, end, lifetimes.access)? {
                return Ok(Outcome::Reused(denial));
            }
            continue;
        }
        let Some(mark) = verdict.new_mark(claims.generation) else {
            return Ok(Outcome::Live(Box::new((session, user))));
        };
        let rotation = Rotation {
            from: session.denied_through,
            to: mark,
            rotated_at: now,
            refresh_expires_at: refresh_expires_at(now, lifetimes.refresh_idle, session.expires_at),
        };
        if tx.rotate_session(session.id, rotation)? {
            if verdict == Verdict::Heal {
                log::warn!(session:% = session.id, from = session.denied_through, to = mark; "security: the database had lost rotations, mark moved");
            }
            session.denied_through = mark;
            session.rotated_at = now;
            session.refresh_expires_at = rotation.refresh_expires_at;
            return Ok(Outcome::Live(Box::new((session, user))));
        }
    }
    Err(Error::internal("a session's row kept moving"))
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownSession => Self::SessionUnknown,
            Refusal::Ended(reason) => Self::SessionEnded(reason),
            Refusal::UserDisabled => Self::AccountDisabled,
        }
    }
}
