//! The providers that a login form offers.

use actix_web::web;

use super::on_the_way::leads_on;
use super::return_to::provider_page;
use super::site::base;
use super::templates::Offered;
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::http::failure::Failure;
use crate::model::invitation::Invitation;
use crate::model::provider::Provider;
use crate::service::providers;

/// All that users may sign in at. They lead to the same place as the form.
pub(super) async fn offered(app: &web::Data<App>, return_to: &str) -> Result<Vec<Offered>, Failure> {
    Ok(links(&base(app), enabled(app, return_to).await?, return_to))
}

/// Those that an invitation is of use with. One for an address is for somebody who has proved it.
pub(super) async fn offered_with(
    app: &web::Data<App>,
    invitation: &Invitation,
    return_to: &str,
) -> Result<Vec<Offered>, Failure> {
    let mut providers = enabled(app, return_to).await?;
    providers.retain(|provider| invitation.email.is_none() || provider.trust_email);
    Ok(links(&base(app), providers, return_to))
}

/// Without cookies a sign-in leads only to what an application has begun.
async fn enabled(app: &web::Data<App>, return_to: &str) -> Result<Vec<Provider>, Failure> {
    if !leads_on(app, return_to) {
        return Ok(Vec::new());
    }
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let found = on_a_thread(move || providers::list_enabled(&asked)).await?;
    drop(turn);
    Ok(found)
}

/// The ways to these providers.
pub(super) fn links(base: &str, providers: Vec<Provider>, return_to: &str) -> Vec<Offered> {
    let link = |provider: Provider| Offered {
        name: provider.name.to_string(),
        address: provider_page(base, &provider.id, return_to),
    };
    providers.into_iter().map(link).collect()
}
