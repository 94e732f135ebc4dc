//! The denylist for other services: signed responses that verifiers can trust, whatever path they take.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Mutex;

use super::deadline;
use super::denylist::{Cursor, Denylist, Page};
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::{Audience, DeniedEntry, DenylistClaims, Keys, Kind, KindEntry, denylist_audience};
use crate::model::denial::Denial;
use tokensmith_verifier::issuing::DeniedSubject;

/// An older response is refused, so that a replayed one can delay a verifier only this long.
const LIFETIME: Seconds = Seconds(60);

/// A verifier accepts a response this much longer, since the clocks of the two machines may differ.
const LEEWAY_OF_VERIFIERS: Seconds = Seconds(60);

/// How long a response to an earlier verifier is valid.
const LIFETIME_FOR_EARLIER: Seconds = Seconds(30);

/// Who reads the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A verifier that knows the denylist's own audience.
    Verifier,
    /// A verifier from before the denylist had its own audience: it accepts only responses whose audience is the
    /// issuer. A service that accepts access tokens could have that audience, so the response is already expired for
    /// verifiers without the leeway.
    EarlierVerifier,
}

/// A response of the feed.
pub(crate) struct Answer {
    /// The signed token; `None` if the reader already knows its content.
    pub(crate) token: Option<Arc<str>>,
    /// The entity tag.
    pub(crate) etag: String,
    /// Whether a cache may give it to later readers.
    pub(crate) is_for_caches: bool,
}

/// The number of responses that are kept: for new readers, for readers that are up to date, and for readers that were
/// behind.
const KEPT: usize = 4;

/// A reader that is behind may get a response of this age, if nothing was denied since. A large response takes time to
/// make, and each one that is being sent takes memory.
const REUSED_FOR: Seconds = Seconds(5);

/// The entity tag of a response that a cache may keep stays the same for this long at most, well below [`LIFETIME`].
const CONFIRMED_FOR: Seconds = Seconds(30);

/// The feed, with its last responses.
pub(crate) struct Feed {
    issuer: String,
    keys: Arc<Keys>,
    denylist: Arc<Denylist>,
    clock: Arc<dyn Clock>,
    /// A response is made once for all readers that get the same one.
    last: Mutex<VecDeque<Signed>>,
}

struct Signed {
    reader: Reader,
    page: Page,
    jwks_etag: String,
    at: Timestamp,
    token: Arc<str>,
}

impl Signed {
    fn is_good_for(&self, page: &Page, jwks_etag: &str, now: Timestamp) -> bool {
        // A reader that is up to date needs the current time.
        let is_of_now = self.page == *page && self.at == now;
        // A response for an earlier verifier expires too soon to be used again.
        let is_of_late = self.reader == Reader::Verifier
            && !page.no_news
            && self.page.tells_the_same_as(page)
            && now - self.at <= REUSED_FOR;
        self.jwks_etag == jwks_etag && (is_of_now || is_of_late) && self.at <= now
    }
}

impl Feed {
    /// The feed of an issuer's denylist, signed with its keys.
    pub(crate) fn new(issuer: String, keys: Arc<Keys>, denylist: Arc<Denylist>, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, keys, denylist, clock, last: Mutex::default() }
    }

    /// What was denied since a cursor. If there is nothing new, waits for news until `elapsed` is ready. A reader that
    /// has the entity tag of the response does not get it again.
    pub(crate) async fn read(
        &self,
        reader: Reader,
        since: Option<Cursor>,
        known: impl Fn(&str) -> bool,
        elapsed: impl Future<Output = ()>,
    ) -> Result<Answer, Error> {
        let mut elapsed = pin!(elapsed);
        let mut news = self.denylist.news();
        let keys_at_first = self.keys.ring();
        let mut is_time_over = false;
        loop {
            let page = self.denylist.page(since);
            let ring = self.keys.ring();
            let etag = self.etag(&page, ring.jwks_etag());
            let is_news = !page.no_news || ring.jwks_etag() != keys_at_first.jwks_etag();
            let is_known = known(&etag);
            let waiting = self.denylist.wait();
            let is_in_vain = is_time_over || waiting.is_none() || self.denylist.is_stopping();
            if (!is_news || is_known) && !is_in_vain {
                let mut changed = pin!(news.changed());
                // Whichever is first. A stopped service has no news.
                let waits = poll_fn(|context| match changed.as_mut().poll(context) {
                    Poll::Ready(changed) => Poll::Ready(changed.is_err()),
                    Poll::Pending => elapsed.as_mut().poll(context).map(|()| true),
                });
                is_time_over = waits.await;
                // Even if nothing has happened, since the response must have the current time, not that of the request.
                continue;
            }
            let token = if is_known { None } else { Some(self.signed(reader, &page).await?) };
            let is_for_caches = page.leads_on && token.is_some() && reader == Reader::Verifier;
            return Ok(Answer { token, etag, is_for_caches });
        }
    }

    /// [RFC 9110 section 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3). Changed keys are news, too: the
    /// token is signed again.
    fn etag(&self, page: &Page, jwks_etag: &str) -> String {
        // A cache could confirm what it keeps for ever, but the token expires.
        let period = if page.leads_on { self.clock.now().0 / CONFIRMED_FOR.0 } else { 0 };
        format!("\"{}.{:x}.{period:x}.{}\"", page.cursor.name(), page.last, jwks_etag.trim_matches('"'))
    }

    async fn signed(&self, reader: Reader, page: &Page) -> Result<Arc<str>, Error> {
        let ring = self.keys.ring();
        // Held until it is signed, since others that ask meanwhile need the same response.
        let mut last = deadline::in_time(self.last.lock()).await?;
        let now = self.clock.now();
        let is_good = |signed: &&Signed| signed.reader == reader && signed.is_good_for(page, ring.jwks_etag(), now);
        if let Some(signed) = last.iter().find(is_good) {
            return Ok(Arc::clone(&signed.token));
        }
        let jwks_etag = ring.jwks_etag().to_owned();
        let (issuer, denylist, page) = (self.issuer.clone(), Arc::clone(&self.denylist), *page);
        // A full page takes milliseconds, whatever signs it: every other request of this event loop would wait for it.
        let sign = move || {
            let told = (denylist.denied(&page), ring.jwks_etag().to_owned());
            let claims = claims(issuer, reader, &page, told, now);
            Ok(Arc::<str>::from(ring.sign(&claims, None, now)?))
        };
        let token = deadline::on_a_thread(sign).await?;
        last.truncate(KEPT - 1);
        last.push_front(Signed { reader, page, jwks_etag, at: now, token: Arc::clone(&token) });
        Ok(token)
    }
}

fn claims(
    issuer: String,
    reader: Reader,
    page: &Page,
    (denials, jwks_etag): (Vec<Denial>, String),
    now: Timestamp,
) -> DenylistClaims {
    let (audience, exp) = match reader {
        Reader::Verifier => (denylist_audience(&issuer), now + LIFETIME),
        Reader::EarlierVerifier => (issuer.clone(), now + LIFETIME_FOR_EARLIER - LEEWAY_OF_VERIFIERS),
    };
    DenylistClaims {
        iss: issuer,
        aud: Audience::One(audience),
        iat: now,
        exp,
        // Another instance's clock may be ahead of ours.
        as_of: page.as_of.min(now),
        jwks_etag,
        cursor: page.cursor.to_string(),
        more: page.more,
        denied: denials.iter().filter_map(entry).collect(),
        denied_by_kind: denials.iter().filter_map(kind_entry).collect(),
    }
}

fn entry(denial: &Denial) -> Option<DeniedEntry> {
    let exp: Timestamp = denial.expires_at;
    match denial.subject {
        DeniedSubject::Session(sid) => Some(DeniedEntry::Session { sid, exp }),
        DeniedSubject::AccessToken(jti) => Some(DeniedEntry::AccessToken { jti, exp }),
        DeniedSubject::Client(..) | DeniedSubject::User(..) | DeniedSubject::Unknown { .. } => None,
    }
}

fn kind_entry(denial: &Denial) -> Option<KindEntry> {
    let exp = denial.expires_at;
    let kind = match &denial.subject {
        DeniedSubject::Session(_) | DeniedSubject::AccessToken(_) => return None,
        // A reader that cannot read this entry must know that its copy is incomplete.
        DeniedSubject::Unknown { .. } => return Some(KindEntry::Unknown { exp }),
        DeniedSubject::Client(client_id, before) => {
            Kind::Client { client_id: client_id.to_string(), issued_before: *before, exp }
        }
        DeniedSubject::User(sub, before) => Kind::User { sub: sub.to_string(), issued_before: *before, exp },
    };
    Some(KindEntry::Known(kind))
}
