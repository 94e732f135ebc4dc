//! The endpoints of djangorestframework-simplejwt 5.5, for clients that were written for them: with `COMPAT=simplejwt`.

pub(super) mod answer;
mod fields;
pub(super) mod routes;
pub(super) mod simplejwt;
