//! The metadata of a protected resource over HTTP
//! ([RFC 9728 section 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).

use std::sync::Arc;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use actix_web::{HttpResponse, web};

use crate::verifier::Verifier;

impl Verifier {
    /// A service that publishes the metadata of the resource that [`Builder::resource`](crate::Builder::resource) has set,
    /// below `/.well-known/oauth-protected-resource`. Register it at the app itself, not within a scope. If no resource is
    /// set, it publishes nothing.
    ///
    /// ```
    /// use actix_web::{App, web};
    /// use tokensmith_verifier::Verifier;
    ///
    /// # fn setup() -> Result<(), tokensmith_verifier::BuildError> {
    /// let api = "https://api.example.com";
    /// let builder = Verifier::from_issuer("https://id.example.com", api).resource(api, &["notes:read", "notes:write"]);
    /// let verifier = builder.build()?;
    /// let app = App::new().service(verifier.resource_metadata()).app_data(web::Data::new(verifier));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn resource_metadata(&self) -> impl HttpServiceFactory + use<> {
        let published = self.0.rendering.resource.as_ref().map(|resource| {
            let resource = Arc::clone(resource);
            let path = resource.path.clone();
            web::resource(path).get(move || {
                let mut response = HttpResponse::Ok();
                // It is public, and clients in browsers read it.
                response.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*")).content_type("application/json");
                let response = response.body(resource.json.clone());
                async { response }
            })
        });
        Vec::from_iter(published)
    }
}
