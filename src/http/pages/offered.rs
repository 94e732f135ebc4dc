//! The providers that a login form offers.

use actix_web::web;

use super::return_to::provider_page;
use super::site::base;
use super::templates::Offered;
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::http::failure::Failure;
use crate::model::provider::Provider;
use crate::service::providers;

/// All that users may sign in at. They lead to the same place as the form.
pub(super) async fn offered(app: &web::Data<App>, return_to: &str) -> Result<Vec<Offered>, Failure> {
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let found = on_a_thread(move || providers::list_enabled(&asked)).await?;
    drop(turn);
    Ok(links(&base(app), found, return_to))
}

/// The ways to these providers.
pub(super) fn links(base: &str, providers: Vec<Provider>, return_to: &str) -> Vec<Offered> {
    let link = |provider: Provider| Offered {
        name: provider.name.to_string(),
        address: provider_page(base, &provider.id, return_to),
    };
    providers.into_iter().map(link).collect()
}
