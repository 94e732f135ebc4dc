//! The denylist for other services: signed answers that their verifiers can trust whoever carries them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use super::denylist::{Cursor, Page};
use crate::app::Issuer;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::{Audience, DeniedEntry, DenylistClaims};
use crate::model::denial::Denial;
use crate::model::denied_set::DeniedSubject;

/// An answer that is older than this is refused: nobody can keep a verifier in the past for longer.
const LIFETIME: Seconds = Seconds(60);

/// An answer of the feed.
pub struct Answer {
    /// The signed token, unless the reader knows everything that is in it.
    pub token: Option<Arc<str>>,
    /// The entity tag.
    pub etag: String,
}

/// The answer that was signed last: readers that have kept up all get the same one.
#[derive(Default)]
pub struct LastAnswer(Mutex<Option<(DenylistClaims, Arc<str>)>>);

/// What was denied since a cursor. When there is nothing new, waits for it until `elapsed` is ready. A reader that knows
/// the answer by its entity tag is not told it again.
///
/// # Errors
/// [`Error::Internal`] when the crypto library fails.
pub async fn read(
    issuer: &Issuer,
    since: Option<Cursor>,
    known: impl Fn(&str) -> bool,
    elapsed: impl Future<Output = ()>,
) -> Result<Answer, Error> {
    let mut elapsed = pin!(elapsed);
    let mut news = issuer.denylist.news();
    let keys_at_first = issuer.keys.ring();
    let mut is_time_over = false;
    loop {
        let page = issuer.denylist.page(since);
        let ring = issuer.keys.ring();
        // RFC 9110 section 8.8.3. Other keys are news too: the token tells of them, and is signed anew.
        let etag = format!("\"{}.{}\"", page.cursor.name(), ring.jwks_etag().trim_matches('"'));
        let is_news = !page.no_news || ring.jwks_etag() != keys_at_first.jwks_etag();
        let is_known = known(&etag);
        let waiting = issuer.denylist.wait();
        let is_in_vain = is_time_over || waiting.is_none() || issuer.denylist.is_stopping();
        if (!is_news || is_known) && !is_in_vain {
            let mut changed = pin!(news.changed());
            // Whichever is first. A service that is gone has no news.
            let waits = poll_fn(|context| match changed.as_mut().poll(context) {
                Poll::Ready(changed) => Poll::Ready(changed.is_err()),
                Poll::Pending => elapsed.as_mut().poll(context).map(|()| true),
            });
            is_time_over = waits.await;
            // Also when nothing has happened: what is known is as of now, not of when the wait began.
            continue;
        }
        let token = if is_known { None } else { Some(signed(issuer, &page)?) };
        return Ok(Answer { token, etag });
    }
}

fn signed(issuer: &Issuer, page: &Page) -> Result<Arc<str>, Error> {
    let (now, url) = (issuer.app.clock.now(), &issuer.app.config.issuer);
    let ring = issuer.keys.ring();
    let claims = DenylistClaims {
        iss: url.clone(),
        aud: Audience::One(url.clone()),
        iat: now,
        exp: now + LIFETIME,
        // Another instance's clock may be ahead of ours.
        as_of: page.as_of.min(now),
        jwks_etag: ring.jwks_etag().to_owned(),
        cursor: page.cursor.to_string(),
        more: page.more,
        denied: page.denied.iter().map(entry).collect(),
    };
    let last = || issuer.last_feed_answer.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((signed, token)) = &*last()
        && *signed == claims
    {
        return Ok(Arc::clone(token));
    }
    let token: Arc<str> = ring.sign_denylist(&claims, now)?.into();
    *last() = Some((claims, Arc::clone(&token)));
    Ok(token)
}

fn entry(denial: &Denial) -> DeniedEntry {
    let exp: Timestamp = denial.expires_at;
    match denial.subject {
        DeniedSubject::Session(sid) => DeniedEntry::Session { sid, exp },
        DeniedSubject::AccessToken(jti) => DeniedEntry::AccessToken { jti, exp },
    }
}
