//! The letter of a mail: what it says, in the language of its reader, as plain text and as HTML.

use askama::Template;

use super::texts::{LANGUAGES, Texts};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::mail::{Factor, LINK_LIFETIME, Letter, Mail};
use crate::model::user::User;

/// A device's own description may be long.
const MAX_CHOSEN_CHARS: usize = 120;

/// What both forms show.
struct Content<'a> {
    texts: &'static Texts,
    site: &'a str,
    issuer: &'a str,
    title: &'static str,
    lead: String,
    link: Option<Link<'a>>,
    facts: Vec<(&'static str, String)>,
    advice: String,
    footer: String,
}

/// A link, and the code that may be typed instead.
struct Link<'a> {
    button: &'static str,
    url: &'a str,
    code: Option<&'a str>,
    expiry: Option<String>,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Plain<'a> {
    letter: &'a Content<'a>,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    letter: &'a Content<'a>,
}

/// Writes a mail to an address.
pub(super) fn write(app: &App, user: Option<&User>, to: &str, mail: &Mail, origin: &Origin) -> Result<Letter, Error> {
    let site = app.config.page_name.as_str();
    let texts = origin.language.of(&LANGUAGES);
    let is_by_another = user.is_some_and(|user| is_by_another(user, origin));
    let (title, lead, advice) = words(texts, mail, is_by_another);
    let of_site = |text: &str| text.replace("{site}", site);
    let content = Content {
        texts,
        site,
        issuer: &app.config.issuer,
        title,
        lead: of_site(lead),
        link: link(texts, mail),
        facts: user.map(|user| facts(app, user, mail, origin, texts)).unwrap_or_default(),
        advice: of_site(advice),
        footer: of_site(texts.footer),
    };
    Ok(Letter {
        to: to.to_owned(),
        subject: format!("{title} – {site}"),
        text: Plain { letter: &content }.render().map_err(Error::internal)?,
        html: Html { letter: &content }.render().map_err(Error::internal)?,
    })
}

/// Whether the change was made by an administrator, in a request or on the command line.
fn is_by_another(user: &User, origin: &Origin) -> bool {
    match origin.actor {
        Some(actor) => actor != user.id,
        None => origin.ip.is_none(),
    }
}

/// The title, what has happened, and what to do if it was somebody else.
fn words(texts: &Texts, mail: &Mail, is_by_another: bool) -> (&'static str, &'static str, &'static str) {
    let notice = |title, lead| (title, lead, if is_by_another { texts.not_known } else { texts.not_you });
    match mail {
        Mail::VerifyAddress { .. } => (texts.verify_subject, texts.verify_lead, texts.do_nothing),
        Mail::ResetPassword { .. } => (texts.reset_subject, texts.reset_lead, texts.do_nothing),
        Mail::Register { .. } => (texts.register_subject, texts.register_lead, texts.do_nothing),
        Mail::AccountExists { .. } => (texts.exists_subject, texts.exists_lead, texts.do_nothing),
        Mail::Invitation { .. } => (texts.invitation_subject, texts.invitation_lead, texts.not_known),
        Mail::AddressChanged { .. } => notice(texts.address_subject, texts.address_lead),
        Mail::NewDevice { .. } => notice(texts.device_subject, texts.device_lead),
        Mail::PasswordChanged if is_by_another => notice(texts.password_subject, texts.password_set_lead),
        Mail::PasswordChanged => notice(texts.password_subject, texts.password_lead),
        Mail::FactorAdded(Factor::App) => notice(texts.app_added_subject, texts.app_added_lead),
        Mail::FactorAdded(Factor::Passkey) => notice(texts.passkey_added_subject, texts.passkey_added_lead),
        Mail::FactorRemoved(Factor::App) => notice(texts.app_removed_subject, texts.app_removed_lead),
        Mail::FactorRemoved(Factor::Passkey) => notice(texts.passkey_removed_subject, texts.passkey_removed_lead),
        Mail::IdentityAdded(_) => notice(texts.identity_added_subject, texts.identity_added_lead),
        Mail::IdentityRemoved(_) => notice(texts.identity_removed_subject, texts.identity_removed_lead),
        Mail::FactorsReset => notice(texts.reset_factors_subject, texts.reset_factors_lead),
        Mail::ManyWrongCodes => notice(texts.codes_subject, texts.codes_lead),
        Mail::RefreshTokenReused => notice(texts.reuse_subject, texts.reuse_lead),
    }
}

fn link<'a>(texts: &'static Texts, mail: &'a Mail) -> Option<Link<'a>> {
    let (button, url, code) = match mail {
        Mail::VerifyAddress { link, code } => (texts.verify_button, link, code),
        Mail::ResetPassword { link, code } => (texts.reset_button, link, code),
        Mail::Register { link, code } => (texts.register_button, link, code),
        Mail::AccountExists { link: url } => {
            return Some(Link { button: texts.exists_button, url, code: None, expiry: None });
        }
        Mail::Invitation { link: url, expires_at } => {
            let expiry = Some(texts.invitation_expiry.replace("{time}", &readable(*expires_at)));
            return Some(Link { button: texts.register_button, url, code: None, expiry });
        }
        _ => return None,
    };
    let expiry = Some(texts.expiry.replace("{minutes}", &(LINK_LIFETIME.0 / 60).to_string()));
    Some(Link { button, url, code: Some(code), expiry })
}

fn readable(at: Timestamp) -> String {
    at.to_rfc3339().replace('T', " ").replace('Z', " UTC")
}

/// What is known of a change. A mail to an address that is not confirmed names nothing that its sender has chosen, since
/// anybody could be made to get it.
fn facts(app: &App, user: &User, mail: &Mail, origin: &Origin, texts: &Texts) -> Vec<(&'static str, String)> {
    if matches!(mail, Mail::VerifyAddress { .. }) {
        return Vec::new();
    }
    let now = readable(app.clock.now());
    let mut facts = vec![(texts.account, Some(short(&user.username.to_string())))];
    match mail {
        Mail::AddressChanged { old, new } => {
            facts.push((texts.old_address, old.as_ref().map(ToString::to_string)));
            facts.push((texts.new_address, new.as_ref().map(ToString::to_string)));
        }
        Mail::IdentityAdded(provider) | Mail::IdentityRemoved(provider) => {
            facts.push((texts.provider, Some(short(&provider.to_string()))));
        }
        Mail::NewDevice { device } => facts.push((texts.device, device.as_deref().map(short))),
        _ => {}
    }
    facts.push((texts.time, Some(now)));
    // That of an administrator is not the user's business.
    facts.push((texts.ip, origin.ip.clone().filter(|_| !is_by_another(user, origin))));
    facts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// One line of what a client has chosen. Mail programs make no link of it: what separates the parts of a name or an address
/// becomes a space, except in numbers.
fn short(chosen: &str) -> String {
    let chars: Vec<char> = chosen.chars().take(MAX_CHOSEN_CHARS).collect();
    let separates = |(at, c): (usize, &char)| {
        let before_a_number = chars.get(at.saturating_add(1)).is_some_and(char::is_ascii_digit);
        c.is_control() || ":@/".contains(*c) && !before_a_number || *c == '.' && !before_a_number
    };
    chars.iter().enumerate().map(|(at, c)| if separates((at, c)) { ' ' } else { *c }).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn what_a_client_has_chosen_becomes_no_link() {
        for (chosen, shown) in [
            ("Not you? https://evil.example/login", "Not you? https   evil example login"),
            ("ada@example.com", "ada example com"),
            ("mailto:eve@evil.example", "mailto eve evil example"),
            ("Mozilla/5.0 (X11; Linux) Firefox/120.0", "Mozilla/5.0 (X11; Linux) Firefox/120.0"),
            ("my laptop\r\nBcc", "my laptop  Bcc"),
        ] {
            assert_eq!(short(chosen), shown);
        }
    }
}
