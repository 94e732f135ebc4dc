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
    let offered = |provider: Provider| Offered {
        name: provider.name.to_string(),
        address: provider_page(&base(app), &provider.id, return_to),
    };
    Ok(found.into_iter().map(offered).collect())
}
