//! What mails contain to show who their reader is: a link, and a code to type instead. Each works once and for half an hour,
//! for one purpose and one account, and until the password is changed.

use crate::app::App;
use crate::engine::limiter::{ADDRESS_MAIL, Account, Attempt, Charge, MAIL_CODE, RESET_MAIL};
use crate::error::Error;
use crate::jwt::issuer_url;
use crate::model::id::UserId;
use crate::model::mail::LINK_LIFETIME;
use crate::model::mail_token::{MailToken, Purpose};
use crate::model::user::Email;
use crate::secret::{Opaque, Secret, digest_of};
use crate::store::{Credentials, StoredMailToken};

/// How many codes there are: eight digits.
const CODES: u64 = 100_000_000;

/// A new token, and what goes into the mail.
pub(super) struct Issued {
    /// To be stored with the mail.
    pub(super) stored: StoredMailToken,
    /// The link. It begins with the issuer, whatever host the request names.
    pub(super) link: String,
    /// The code.
    pub(super) code: String,
}

/// What the reader of a mail shows.
pub(crate) enum LinkOrCode {
    /// The last part of the link.
    Link(Secret<String>),
    /// The code.
    Code(Secret<String>),
}

/// A token that is shown and not over, and its user.
pub(super) struct Presented {
    pub(super) known: Credentials,
    pub(super) stored: StoredMailToken,
}

/// Makes a token for a mail to this address.
pub(super) fn issue(app: &App, known: &Credentials, purpose: Purpose, email: &Email) -> Result<Issued, Error> {
    let (text, now, user) = (Opaque::generate(&*app.entropy)?, app.clock.now(), known.user.id);
    let code = new_code(app)?;
    let folder = match purpose {
        Purpose::VerifyAddress => "email-verification",
        Purpose::ResetPassword => "password-reset",
    };
    let link = issuer_url(&app.config.issuer, &format!("/{folder}/{}", text.expose()));
    let token = MailToken {
        purpose,
        user_id: user,
        email: email.clone(),
        code_hash: code_hash(app, purpose, user, &code)?,
        expires_at: now + LINK_LIFETIME,
        used_at: None,
    };
    let password = digest_of(&known.password_hash);
    Ok(Issued { stored: StoredMailToken { token, digest: text.digest(), password }, link, code })
}

/// A random code.
pub(super) fn new_code(app: &App) -> Result<String, Error> {
    Ok(format!("{:08}", u64::from_be_bytes(app.entropy.bytes()?) % CODES))
}

/// A code has too few values for a digest to hide it, so its hash has a key. When the signing key changes, the codes that are
/// under way are void; the links are not.
fn code_hash(app: &App, purpose: Purpose, user: UserId, typed: &str) -> Result<i64, Error> {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let text = [format!("mail code {purpose} ").as_bytes(), user.as_bytes(), digits.as_bytes()].concat();
    Ok(app.keys.ring().keyed_hash(&text, app.clock.now())?)
}

/// The token of a link.
pub(super) fn find_by_link(app: &App, purpose: Purpose, text: &Secret<String>) -> Result<Presented, Error> {
    let digest = digest_of(text.expose());
    let stored = app.store.read(|tx| tx.find_mail_token(&digest))?.ok_or(Error::BadMailToken)?;
    let known = app.store.read(|tx| tx.find_credentials_of(stored.token.user_id))?;
    let presented = Presented { known: known.ok_or(Error::BadMailToken)?, stored };
    let MailToken { purpose: its_purpose, used_at, expires_at, .. } = &presented.stored.token;
    let is_over = used_at.is_some() || *expires_at <= app.clock.now();
    if *its_purpose == purpose && !is_over && is_valid_for(&presented.stored, &presented.known) {
        Ok(presented)
    } else {
        Err(Error::BadMailToken)
    }
}

/// The id of no account.
pub(super) const NOBODY: [u8; 16] = [0; 16];

/// The token of an account's code. Without an account it takes the same work.
pub(super) fn find_by_code(
    app: &App,
    purpose: Purpose,
    known: Option<Credentials>,
    code: &Secret<String>,
) -> Result<Presented, Error> {
    let user = known.as_ref().map_or(UserId::from_bytes(NOBODY), |known| known.user.id);
    let (hash, now) = (code_hash(app, purpose, user, code.expose())?, app.clock.now());
    let valid = app.store.read(|tx| tx.list_mail_tokens(user, purpose, now))?;
    let known = known.ok_or(Error::BadMailToken)?;
    let fits = |stored: &StoredMailToken| stored.token.code_hash == hash && is_valid_for(stored, &known);
    let stored = valid.into_iter().find(fits).ok_or(Error::BadMailToken)?;
    Ok(Presented { known, stored })
}

/// Whether nothing has happened to the account that voids a token: the password is the same, it is not disabled, and a
/// reset goes to the address that is verified now.
pub(super) fn is_valid_for(stored: &StoredMailToken, known: &Credentials) -> bool {
    let StoredMailToken { token, password, .. } = stored;
    let is_its_address = match token.purpose {
        Purpose::VerifyAddress => true,
        Purpose::ResetPassword => known.user.verified_email() == Some(&token.email),
    };
    is_its_address && known.user.disabled_at.is_none() && digest_of(&known.password_hash).is(password)
}

/// Allows a mail to an address: one that this account confirms, or one that resets a password. Each one counts.
pub(crate) async fn admit_mail(app: &App, user: Option<UserId>, email: &Email, ip: Option<&str>) -> Result<(), Error> {
    let kind = if user.is_some() { &ADDRESS_MAIL } else { &RESET_MAIL };
    // By the address, whether it has an account or not: otherwise the limits would tell.
    let of_address = Attempt::new(kind, Some(&Account::Unknown(email.folded().into_owned())), ip);
    let of_user = user.map(|user| Attempt::new(kind, Some(&Account::Known(user)), None));
    let mut charges = Vec::new();
    for attempt in [Some(of_address), of_user].into_iter().flatten() {
        let charge = app.limiter.admit(&attempt).await?;
        charges.push(charge.map_err(|retry_after| Error::TooManyMails { retry_after })?);
    }
    charges.into_iter().for_each(Charge::failed);
    Ok(())
}

/// Allows an attempt at a code, for the account or the address that it is said to be of.
pub(super) async fn admit_code(app: &App, account: &Account, ip: Option<&str>) -> Result<Charge, Error> {
    app.limiter.admit(&Attempt::new(&MAIL_CODE, Some(account), ip)).await?.map_err(|retry_after| {
        let ip = ip.unwrap_or_default();
        log::warn!(ip, retry_after:% = retry_after; "code of a mail refused: too many failures");
        Error::TooManyFailures { retry_after }
    })
}
