//! Extractors for actix-web: a handler's argument says which token it needs.

mod authorization;
mod bearer;
mod extract;
mod guards;
mod resource;
mod step_up;

pub use authorization::{Presented, presented};
pub use bearer::{BearerError, BearerErrorKind};
pub use extract::{Bearer, BearerOrReadOnly, LoggedIn, MaybeBearer};
pub use guards::{Admin, Role, Scope, WithRole, WithScope};
