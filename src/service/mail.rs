//! Mail to users: a mail is written when it is caused, waits encrypted in the outbox together with the change that it reports,
//! and is sent from there.

mod letter;
mod texts;

use std::sync::Arc;

use crate::app::App;
use crate::engine::limiter::{Attempt, PASSWORD};
use crate::engine::mail::sealed;
use crate::error::{Error, root_cause};
use crate::metrics::Metrics;
use crate::model::audit::Origin;
use crate::model::id::UserId;
use crate::model::mail::Mail;
use crate::model::message::Message;
use crate::model::session::Device;
use crate::model::user::{Email, User};
use crate::store::UnitTx;

/// Writes a mail to the confirmed address of a user, for `UnitTx::enqueue`. `None` if there is no such address, or no mail
/// at all.
pub fn message(app: &App, user: &User, mail: &Mail, origin: &Origin) -> Result<Option<Message>, Error> {
    match user.verified_email() {
        Some(to) => message_to(app, Some(user), to, mail, origin),
        None => Ok(None),
    }
}

/// The same, to any address, also of somebody who has no account yet.
pub(crate) fn message_to(
    app: &App,
    user: Option<&User>,
    to: &Email,
    mail: &Mail,
    origin: &Origin,
) -> Result<Option<Message>, Error> {
    if !is_on(app) {
        return Ok(None);
    }
    let letter = letter::write(app, user, &to.to_string(), mail, origin)?;
    sealed(&app.data_keys, &letter, mail.lifetime(), app.clock.now(), &*app.entropy).map(Some)
}

/// Whether the service sends mail.
pub(crate) fn is_on(app: &App) -> bool {
    app.config.mail_url.is_some()
}

/// A mail that tells a user of a change. The change is made whether or not its owner can be told.
pub(crate) struct Notice {
    messages: Vec<Message>,
    metrics: Arc<Metrics>,
}

impl Notice {
    /// Part of the unit that makes the change.
    pub(crate) fn enqueue(&self, tx: &mut UnitTx<'_>) -> Result<(), Error> {
        for message in &self.messages {
            match tx.enqueue(message) {
                Err(Error::Overloaded { .. }) => {
                    self.metrics.outbox("full");
                    log::error!(message:% = message.id; "the outbox is full: a user is not told of a change");
                }
                enqueued => enqueued?,
            }
        }
        Ok(())
    }
}

/// Tells a user of a change.
pub(crate) fn notice(app: &App, user: &User, mail: &Mail, origin: &Origin) -> Notice {
    notice_of(app, message(app, user, mail, origin))
}

/// Tells both addresses that an account has another one from now on.
pub(crate) fn notice_of_address(app: &App, user: &User, new: Option<&Email>, origin: &Origin) -> Notice {
    let mail = Mail::AddressChanged { old: user.email.clone(), new: new.cloned() };
    let told = [user.verified_email(), new].into_iter().flatten();
    let notices = told.map(|to| notice_of(app, message_to(app, Some(user), to, &mail, origin)));
    let messages = notices.flat_map(|notice| notice.messages).collect();
    Notice { messages, metrics: Arc::clone(&app.metrics) }
}

/// The same, by the user's id.
pub(crate) fn notice_to(app: &App, user: UserId, mail: &Mail, origin: &Origin) -> Notice {
    let written = || match app.config.mail_url {
        Some(_) => match app.store.read(|tx| tx.find_user(user))? {
            Some(user) => message(app, &user, mail, origin),
            None => Ok(None),
        },
        None => Ok(None),
    };
    notice_of(app, written())
}

/// Tells a user of a login from a network from which the account has no stored session, unless it has none at all. Refreshes
/// from elsewhere are no logins: who travels with an open session is told nothing.
pub(crate) fn new_device(app: &App, user: &User, device: &Device, origin: &Origin) -> Notice {
    let written = || {
        if app.config.mail_url.is_none() || user.verified_email().is_none() {
            return Ok(None);
        }
        let known = app.store.read(|tx| tx.list_session_addresses(user.id))?;
        let is_new = !known.is_empty() && !Attempt::new(&PASSWORD, None, device.ip.as_deref()).is_from_one_of(&known);
        let mail = Mail::NewDevice { device: device.label.clone().or_else(|| device.user_agent.clone()) };
        if is_new { message(app, user, &mail, origin) } else { Ok(None) }
    };
    notice_of(app, written())
}

fn notice_of(app: &App, written: Result<Option<Message>, Error>) -> Notice {
    let written = written.inspect_err(|error| {
        app.metrics.outbox("unwritten");
        log::error!(cause = root_cause(error); "a mail cannot be written: a user is not told of a change");
    });
    Notice { messages: written.ok().flatten().into_iter().collect(), metrics: Arc::clone(&app.metrics) }
}
