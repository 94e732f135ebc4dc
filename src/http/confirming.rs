//! Mails that confirm addresses, for users who are logged in: within the limits.

use actix_web::web;

use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::id::UserId;
use crate::service::email::{self, OwnAccount};
use crate::service::mail_tokens::admit_mail;
use crate::service::users::NewProfile;

/// Sends a mail to the address on record.
pub(super) async fn send(app: &web::Data<App>, user: UserId, origin: Origin) -> Result<(), Error> {
    let asked = app.clone();
    let address = on_a_thread(move || email::on_record(&asked, user)).await?;
    admit_mail(app, Some(user), &address, origin.ip.as_deref()).await?;
    let app = app.clone();
    on_a_thread(move || email::send(&app, user, &address, &origin)).await
}

/// Changes what users may change of their account, and returns it. A new address gets a mail. Which usernames there are can be
/// tried out only slowly.
pub(super) async fn change_profile(
    app: &web::Data<App>,
    user: UserId,
    new: NewProfile,
    origin: Origin,
) -> Result<OwnAccount, Error> {
    let asked = app.clone();
    let (new, to_confirm) = on_a_thread(move || email::to_confirm(&asked, user, new)).await?;
    let charge = email::admit_choice(app, user, &new, origin.ip.as_deref()).await?;
    if let Some(address) = &to_confirm {
        admit_mail(app, Some(user), address, origin.ip.as_deref()).await?;
    }
    let app = app.clone();
    on_a_thread(move || {
        let changed = email::change_profile(&app, user, &new, to_confirm.as_ref(), &origin);
        if matches!(changed, Err(Error::UsernameTaken | Error::UsernameTooSimilar)) {
            charge.into_iter().for_each(Charge::failed);
        }
        changed?;
        email::own_account(&app, user)
    })
    .await
}
