//! A forgotten password, on whatever page or endpoint: asking for the mail, and setting a new password.

use actix_web::{rt, web};

use super::mail_code::refused_late;
use super::proving::hashing;
use crate::app::App;
use crate::engine::deadline::{self, on_a_thread};
use crate::error::{Error, root_cause};
use crate::model::audit::Origin;
use crate::secret::Secret;
use crate::service::mail_tokens::admit_mail;
use crate::service::password_reset::{self, ByMail};
use crate::service::shown::Shown;

/// Has a mail sent, if the address is somebody's. That is done after the answer, which therefore takes the same time for
/// every address, and depends on nothing that an account is known by.
pub(super) async fn ask(app: &web::Data<App>, email: &str, origin: Origin) -> Result<(), Error> {
    let email = password_reset::address(app, email)?;
    admit_mail(app, None, &email, origin.ip.as_deref()).await?;
    let app = app.clone();
    rt::spawn(deadline::request(async move {
        let sent = async {
            let (sending, _turn) = (app.clone(), app.lookups.turn().await?);
            on_a_thread(move || password_reset::send(&sending, &email, &origin)).await
        };
        if let Err(error) = sent.await {
            log::error!(cause = root_cause(&error); "a mail to reset a password was not sent");
        }
    }));
    Ok(())
}

/// What a user shows to set a new password.
pub(super) struct Recovery {
    /// The link or the code of the mail.
    pub(super) read: ByMail,
    /// The new password.
    pub(super) password: Secret<String>,
    /// A second factor.
    pub(super) shown: Option<Shown>,
}

/// Sets a new password.
pub(super) async fn recover(app: &web::Data<App>, recovery: Recovery, origin: Origin) -> Result<(), Error> {
    match recovery.read {
        ByMail::Link(_) => try_to_recover(app, recovery, origin).await,
        ByMail::Code(..) => refused_late(try_to_recover(app, recovery, origin)).await,
    }
}

/// From the check of the second factor on it runs to its end, so that each guess is counted.
async fn try_to_recover(app: &web::Data<App>, recovery: Recovery, origin: Origin) -> Result<(), Error> {
    let Recovery { read, password, shown } = recovery;
    let charge = password_reset::admit(app, &read, origin.ip.as_deref()).await?;
    let (asked, its_password, its_origin) = (app.clone(), password.clone(), origin.clone());
    let turn = app.lookups.turn().await?;
    let begin = move || password_reset::begin(&asked, &read, charge, (&its_password, shown), &its_origin);
    let ready = rt::spawn(deadline::carried_on(on_a_thread(begin))).await.map_err(Error::internal)??;
    drop(turn);
    let charge = password_reset::admit_factor(app, &ready).await?;
    let app = app.clone();
    let task = rt::spawn(deadline::carried_on(async move {
        let (proving, its_origin) = (app.clone(), origin.clone());
        let proved = on_a_thread(move || password_reset::prove(&proving, ready, charge, &its_origin)).await?;
        let hash = move |app: &App| Ok((password_reset::hash(app, &proved, &password)?, proved));
        let (hash, proved) = hashing(&app, hash).await?;
        on_a_thread(move || password_reset::finish(&app, proved, hash, &origin)).await
    }));
    task.await.map_err(Error::internal)?.map(|_ended| ())
}
