//! Extractors for actix-web: a handler's argument says which token it needs.

mod bearer;
mod extract;

pub use bearer::{BearerError, BearerErrorKind};
pub use extract::{
    Admin, Bearer, BearerOrReadOnly, LoggedIn, MaybeBearer, Presented, Role, Scope, WithRole, WithScope, presented,
};
