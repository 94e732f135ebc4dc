//! Refreshing: the judge decides, a compare-and-set on the row makes it so, and only then is anything signed.

use super::pair::{Pair, mint};
use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::model::denial::Denial;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Refusal, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::user::User;
use crate::store::WriteTx;

/// What became of the row. A refusal that must be recorded is not an error: it has to be committed.
enum Outcome {
    Live { session: Box<Session>, user: User, verdict: Verdict },
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
    let RefreshClaims { sid, sub, generation, .. } = claims;
    match app.store.write(|tx| settle(tx, &claims, app.config.lifetimes, now))? {
        Outcome::Live { session, user, verdict } => {
            if verdict == Verdict::Heal {
                log::warn!(session:% = sid, user:% = sub, generation; "security: the database had lost rotations");
            }
            mint(issuer, &session, user, now)
        }
        Outcome::Refused(refusal) => Err(refusal.into()),
        Outcome::Reused(denial) => {
            issuer.denied.add([denial]);
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
        let (session, user) = match (verdict, session, user) {
            (Verdict::Refused(refusal), ..) => return Ok(Outcome::Refused(refusal)),
            (_, Some(session), Some(user)) => (Box::new(session), user),
            _ => return Ok(Outcome::Refused(Refusal::UnknownSession)),
        };
        if verdict == Verdict::Reused {
            if let Some(denial) =
                tx.end_session(session.id, End { at: now, reason: EndReason::Reuse }, lifetimes.access)?
            {
                return Ok(Outcome::Reused(denial));
            }
        } else if let Some(mark) = verdict.new_mark(claims.generation) {
            let from = session.denied_through;
            let session = Box::new(lifetimes.rotated(*session, mark, now));
            if tx.rotate_session(&session, from)? {
                return Ok(Outcome::Live { session, user, verdict });
            }
        } else {
            return Ok(Outcome::Live { session, user, verdict });
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
