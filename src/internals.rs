//! The parts of the service that this repository's tests and benchmarks use. They may change with every commit; nothing
//! else may use them.

/// The one `App`.
pub mod app {
    pub use crate::app::App;
}

/// The command line.
pub mod cli {
    pub use crate::cli::command;
}

/// Time as a parameter.
pub mod clock {
    pub use tokensmith_verifier::{Clock, ManualClock, Seconds, SystemClock, Timestamp};
}

/// Settings, and the reference pages that are made from them.
pub mod config {
    pub use crate::config::{Argon2Cost, Config, env_example, settings_reference};
}

/// Machines that live as long as the process.
pub mod engine {
    /// How often anything may be guessed.
    pub mod limiter {
        pub use crate::engine::limiter::{Account, Allowance, Attempt, Charge, Kind, PASSWORD};
    }

    /// Messages to other servers.
    pub mod outbox {
        pub use crate::engine::outbox::{Deliver, Outbox, Undelivered};
    }
}

/// Randomness as a parameter.
pub mod entropy {
    pub use crate::entropy::{SeededEntropy, SystemEntropy};
}

/// What can go wrong.
pub mod error {
    pub use crate::error::Error;
}

/// The server, its routes and its description.
pub mod http {
    pub use crate::http::{CODES, Described, ROUTES, bind, openapi};
}

/// Keys and what they sign.
pub mod jwt {
    pub use tokensmith_verifier::Audience;
    pub use tokensmith_verifier::issuing::{
        DeniedEntry, DenylistClaims, Document, DocumentKind, Expected, KINDS, KeyUse, KindEntry, MAX_CLOCK_SKEW,
        SigningAlg, authentic_payload, verify,
    };
}

/// What the service counts of itself.
pub mod metrics {
    pub use crate::metrics::Present;
}

/// Calls to others.
pub mod outbound {
    pub use tokensmith_verifier::issuing::Limits;
}

/// Plain data and its legal changes.
pub mod model {
    /// Audit events.
    pub mod audit {
        pub use crate::model::audit::{EVENT_NAMES, Origin};
    }

    /// Denials.
    pub mod denial {
        pub use crate::model::denial::Denial;
    }

    /// Grants.
    pub mod grant {
        pub use crate::model::grant::Live;
    }

    /// Ids.
    pub mod id {
        pub use crate::model::id::new_id;
        pub use tokensmith_verifier::{Id, Jti, SessionId, UserId};
    }

    /// Languages.
    pub mod language {
        pub use crate::model::language::Language;
    }

    /// Mails.
    pub mod mail {
        pub use crate::model::mail::{Factor, Mail};
    }

    /// Messages to other servers.
    pub mod message {
        pub use crate::model::message::{Message, MessageId};
    }

    /// Providers.
    pub mod provider {
        pub use crate::model::provider::ProviderId;
    }

    /// The judge of rotation.
    pub mod rotation {
        pub use crate::model::rotation::{Presented, judge};
    }

    /// Sessions.
    pub mod session {
        pub use crate::model::session::Session;
    }

    /// The signs of a shared session.
    pub mod sharing {
        pub use crate::model::sharing::Context;
    }

    /// Names of roles.
    pub mod names {
        pub use crate::model::names::ADMIN_ROLE;
    }

    /// Sign-ins at providers.
    pub mod upstream {
        pub use crate::model::upstream::{BadIdToken, Identity, Purpose, Refusal, Verified};
    }

    /// Users.
    pub mod user {
        pub use crate::model::user::{Email, User, Username};
    }
}

/// Hashing of passwords.
pub mod password {
    pub use crate::password::{Hasher, Password, Place, Priority};
}

/// Values that stay hidden.
pub mod secret {
    pub use crate::secret::{ApiKey, Secret};
}

/// Use cases.
pub mod service {
    /// What a login costs for a name that no account has.
    pub mod decoy {
        pub use crate::service::decoy::choose;
    }

    /// Accounts of another system.
    pub mod imports {
        pub use crate::service::imports::{Broken, Counts, Format, Import, Input, Options, Refusal, RoleMap, Stopped};
    }

    /// Keys and how they rotate.
    pub mod keys {
        pub use crate::service::keys::{
            count_sessions_of, drop_leaked, follow, make_next, reload, remove_retired, rotate,
        };
    }

    /// Mail to users.
    pub mod mail {
        pub use crate::service::mail::message;
    }

    /// Token pairs.
    pub mod pair {
        pub use crate::service::pair::{Purpose, mint};
    }

    /// What has expired, removed.
    pub mod purge {
        pub use crate::service::purge::{all, denials};
    }

    /// Sign-ins at providers.
    pub mod upstream {
        pub use crate::service::upstream::callback;
    }

    /// Usernames of earlier versions.
    pub mod usernames {
        pub use crate::service::usernames::add_skeletons;
    }

    /// Accounts.
    pub mod users {
        pub use crate::service::users::{NewUser, create, disable, enable, find, set_roles};
    }
}

/// Rows.
pub mod store {
    pub use crate::store::{Found, IfMissing, Moved};
}
