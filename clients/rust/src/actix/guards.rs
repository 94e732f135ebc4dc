//! Extractors for those who have a role, or a token with a scope.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::extract::{Extracted, extract};
use super::{BearerError, BearerErrorKind};
use crate::jwt::AccessClaims;

/// The name of a role, as a type.
pub trait Role {
    /// The name.
    const NAME: &'static str;
}

/// The role of administrators: `WithRole<Admin>`.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

impl Role for Admin {
    const NAME: &'static str = "admin";
}

/// The name of a scope, as a type.
pub trait Scope {
    /// The name.
    const NAME: &'static str;
}

/// A valid access token with the role `R`; with a token that lacks it the request is answered with 403. Read the claims
/// through it, or take them with `into_inner`: nothing but a request makes one.
pub struct WithRole<R, C = AccessClaims>(pub Arc<C>, PhantomData<fn() -> R>);

/// A valid access token with the scope `S`; with a token that lacks it the request is answered with 403. Read the claims
/// through it, or take them with `into_inner`: nothing but a request makes one.
pub struct WithScope<S, C = AccessClaims>(pub Arc<C>, PhantomData<fn() -> S>);

macro_rules! holds_claims {
    ($type:ident, $name:ident: $trait:ident) => {
        impl<$name, C> $type<$name, C> {
            /// The claims.
            #[must_use]
            pub fn into_inner(self) -> Arc<C> {
                self.0
            }
        }

        impl<$name, C> Deref for $type<$name, C> {
            type Target = C;

            fn deref(&self) -> &C {
                &self.0
            }
        }

        impl<$name: $trait, C: fmt::Debug> fmt::Debug for $type<$name, C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($type)).field(&$name::NAME).field(&self.0).finish()
            }
        }
    };
}

holds_claims!(WithRole, R: Role);
holds_claims!(WithScope, S: Scope);

impl<R: Role + 'static, C: DeserializeOwned + Send + Sync + 'static> FromRequest for WithRole<R, C> {
    type Error = BearerError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let guard = |claims: &AccessClaims| {
            if claims.has_role(R::NAME) { Ok(()) } else { Err(BearerErrorKind::RoleMissing(R::NAME)) }
        };
        extract(request, guard, |claims| Self(claims, PhantomData))
    }
}

impl<S: Scope + 'static, C: DeserializeOwned + Send + Sync + 'static> FromRequest for WithScope<S, C> {
    type Error = BearerError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let guard = |claims: &AccessClaims| {
            if claims.has_scope(S::NAME) { Ok(()) } else { Err(BearerErrorKind::ScopeMissing(S::NAME)) }
        };
        extract(request, guard, |claims| Self(claims, PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_through_an_extractor_and_taken_out_of_it() {
        let claims = Arc::new("claims");
        let admin: WithRole<Admin, &str> = WithRole(Arc::clone(&claims), PhantomData);
        assert_eq!(admin.len(), 6);
        assert_eq!(format!("{admin:?}"), r#"WithRole("admin", "claims")"#);
        assert!(Arc::ptr_eq(&admin.into_inner(), &claims));
    }
}
