//! What a passkey proves: the challenge that it answers, and the check of its answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::proof::{Answered, Evidence};
use crate::app::App;
use crate::error::Error;
use crate::jwt::{Audience, PasskeyChallengeClaims, issuer_base};
use crate::model::audit::{EventName, Origin};
use crate::model::id::{Jti, UserId};
use crate::model::passkey::{PASSKEY_CHALLENGE_LIFETIME, Passkey};
use crate::model::proof::Method;
use crate::secret::{KeyDigest, digest_of};
use crate::webauthn::{Assertion, Demand, Known, Refusal, RelyingParty};

/// What a challenge is for. It is accepted for nothing else.
#[derive(Clone, Copy)]
pub(super) enum Ceremony {
    /// To register a passkey of this user.
    Registration {
        user: UserId,
        /// Whether the browser may do it by itself, right after a login by password.
        is_automatic: bool,
    },
    /// To say who one is: at a login, or again.
    Authentication,
    /// For the second step of a login, of which this is the digest of the challenge.
    SecondStep(KeyDigest),
}

impl Ceremony {
    fn purpose(&self) -> String {
        match self {
            Self::Registration { user, is_automatic: false } => format!("registration {user}"),
            Self::Registration { user, is_automatic: true } => format!("automatic registration {user}"),
            Self::Authentication => "authentication".to_owned(),
            Self::SecondStep(digest) => format!("second step {}", URL_SAFE_NO_PAD.encode(digest.0)),
        }
    }

    /// What the user must show in it. In a second step a touch is enough, because the password is the other factor.
    pub(super) fn asks(&self) -> Demand {
        match self {
            Self::Registration { is_automatic: true, .. } => Demand::Nothing,
            Self::Registration { is_automatic: false, .. } | Self::Authentication => Demand::Verification,
            Self::SecondStep(_) => Demand::Presence,
        }
    }
}

/// The relying party; none if the issuer has no domain name.
pub(super) fn relying_party(app: &App) -> Result<&RelyingParty, Error> {
    app.config.relying_party.as_ref().ok_or(Error::PasskeysOff)
}

/// A new challenge. Only its use is stored.
pub(super) fn ask(app: &App, ceremony: &Ceremony) -> Result<String, Error> {
    let now = app.clock.now();
    let iss = issuer_base(&app.config.issuer).to_owned();
    let claims = PasskeyChallengeClaims {
        aud: Audience::One(iss.clone()),
        iss,
        exp: now + PASSKEY_CHALLENGE_LIFETIME,
        jti: Jti::from_bytes(app.entropy.bytes()?),
        purpose: ceremony.purpose(),
    };
    Ok(app.keys.ring().sign(&claims, None, now)?)
}

/// Which of these ceremonies a challenge of ours is for, which is not over and was not used. It must be used by the unit that
/// relies on it.
pub(super) fn answered<const N: usize>(
    app: &App,
    challenge: &[u8],
    ceremonies: [Ceremony; N],
) -> Result<(Answered, Ceremony), Error> {
    let over = || Error::PasskeyRefused(Refusal::ChallengeOver);
    let text = std::str::from_utf8(challenge).map_err(|_other| over())?;
    let claims = app.keys.ring().verify_passkey_challenge(text, &app.config.issuer, app.clock.now());
    let claims = claims.map_err(|_refused| over())?;
    let answered = Answered { digest: digest_of(text), expires_at: claims.exp };
    let is_used = app.store.read(|tx| tx.is_passkey_challenge_used(&answered.digest))?;
    let its = ceremonies.into_iter().find(|ceremony| claims.purpose == ceremony.purpose()).filter(|_| !is_used);
    its.map(|ceremony| (answered, ceremony)).ok_or_else(over)
}

/// Finds the passkey that somebody claims to have used.
pub(super) fn find(app: &App, assertion: &Assertion) -> Result<Passkey, Error> {
    relying_party(app)?;
    let found = app.store.read(|tx| tx.find_passkey(&assertion.credential_id))?;
    found.ok_or(Error::PasskeyRefused(Refusal::Unknown))
}

/// Checks what a passkey says.
pub(super) fn check(
    app: &App,
    assertion: &Assertion,
    passkey: Passkey,
    ceremony: &Ceremony,
    origin: &Origin,
) -> Result<(Method, Evidence), Error> {
    let challenge = assertion.challenge().map_err(Error::PasskeyRefused)?;
    let (answered, ceremony) = answered(app, &challenge, [*ceremony])?;
    let known = Known {
        user_handle: passkey.user_id.as_bytes(),
        public_key: &passkey.public_key,
        sign_count: u32::try_from(passkey.sign_count).unwrap_or(u32::MAX),
        is_backup_eligible: passkey.is_backup_eligible,
    };
    let verified = assertion.check(relying_party(app)?, &challenge, ceremony.asks(), &known).map_err(|refusal| {
        if refusal == Refusal::CounterBack {
            let event = origin.event(app.clock.now(), EventName::PasskeyCounterBack).about(passkey.user_id);
            app.units.record_best_effort(event.with(passkey.id));
        }
        Error::PasskeyRefused(refusal)
    })?;
    let method = Method::Passkey { is_verified: verified.is_verified };
    Ok((method, Evidence::Passkey { passkey: Box::new(passkey), verified, answered }))
}
