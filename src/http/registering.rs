//! A registration, on whatever page or endpoint: asking for the mail, proving the address, opening the account.

use actix_web::{rt, web};

use super::mail_code::refused_late;
use super::proving::hashing;
use crate::app::App;
use crate::engine::deadline::{self, on_a_thread};
use crate::error::{Error, root_cause};
use crate::model::audit::Origin;
use crate::model::invitation::Invitation;
use crate::secret::{Opaque, Secret};
use crate::service::registration::finishing::{self, Opened, Wanted};
use crate::service::registration::{self, Applicant, Shown};

/// Has a mail sent: a link and a code to go on with, or the advice to log in. That is done after the answer, which therefore takes
/// the same time for every address, and depends on nothing that an account is known by. Returns what the client holds from then on,
/// with which the code works.
pub(super) async fn ask(
    app: &web::Data<App>,
    email: String,
    invitation: Option<Secret<String>>,
    origin: Origin,
) -> Result<Opaque, Error> {
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let asked = on_a_thread(move || registration::read(&asked, &email, invitation.as_ref())).await?;
    drop(turn);
    registration::admit_mail(app, &asked.email, origin.ip.as_deref()).await?;
    let (app, client) = (app.clone(), Opaque::generate(&*app.entropy)?);
    let held = client.clone();
    rt::spawn(deadline::request(async move {
        let sent = async {
            let (sending, _turn) = (app.clone(), app.lookups.turn().await?);
            on_a_thread(move || registration::send(&sending, &asked, &client, &origin)).await
        };
        if let Err(error) = sent.await {
            log::error!(cause = root_cause(&error); "a mail to register was not sent");
        }
    }));
    Ok(held)
}

/// The invitation of a link. It changes nothing.
pub(super) async fn invitation(app: &web::Data<App>, text: Secret<String>) -> Result<Invitation, Error> {
    let (asked, _turn) = (app.clone(), app.lookups.turn().await?);
    on_a_thread(move || registration::invitation(&asked, &text)).await
}

/// Who may go on with what is shown. It changes nothing.
pub(super) async fn look(app: &web::Data<App>, shown: Shown) -> Result<Applicant, Error> {
    let (asked, _turn) = (app.clone(), app.lookups.turn().await?);
    on_a_thread(move || registration::look(&asked, &shown)).await
}

/// Notes that the address is proved. A wrong code is counted also when the client has gone.
pub(super) async fn prove(app: &web::Data<App>, shown: Shown, ip: Option<&str>) -> Result<Applicant, Error> {
    match shown {
        Shown::Client(_, Some(_)) => refused_late(try_to_prove(app, shown, ip)).await,
        Shown::Link(_) | Shown::Client(_, None) | Shown::Invitation(_) | Shown::Provider(_) => {
            try_to_prove(app, shown, ip).await
        }
    }
}

async fn try_to_prove(app: &web::Data<App>, shown: Shown, ip: Option<&str>) -> Result<Applicant, Error> {
    let charge = registration::admit(app, &shown, ip).await?;
    let (asked, _turn) = (app.clone(), app.lookups.turn().await?);
    let prove = move || registration::prove(&asked, &shown, charge);
    rt::spawn(deadline::carried_on(on_a_thread(prove))).await.map_err(Error::internal)?
}

/// Opens the account of somebody who has proved the address. Which usernames there are can be tried out only slowly.
pub(super) async fn open(
    app: &web::Data<App>,
    applicant: Applicant,
    wanted: Wanted,
    origin: Origin,
) -> Result<Opened, Error> {
    let charge = finishing::admit_choice(app, &applicant, origin.ip.as_deref()).await?;
    let app = app.clone();
    let task = rt::spawn(deadline::carried_on(async move {
        let checked = finishing::check(&app, &applicant, &wanted)?;
        let hash = move |app: &App| Ok((finishing::hash(app, &checked)?, checked));
        let (hash, checked) = hashing(&app, hash).await?;
        let opening = app.clone();
        let open = move || finishing::open(&opening, applicant, checked, hash, &origin);
        let opened = on_a_thread(open).await;
        if matches!(opened, Err(Error::UsernameTaken | Error::UsernameTooSimilar | Error::EmailTaken)) {
            charge.failed();
        }
        opened
    }));
    task.await.map_err(Error::internal)?
}
