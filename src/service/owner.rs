//! The owner of an account, who changes what protects it or logs in to it.

use super::protection::{Authenticated, Protection};
use super::second_factor::{Needs, needs, needs_in, present};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::Origin;
use crate::model::id::{SessionId, UserId};
use crate::model::names::ADMIN_ROLE;
use crate::model::second_factor::Required;
use crate::model::user::User;
use crate::secret::Secret;
use crate::store::WriteTx;

/// Whose second factors, passkeys or identities a request changes.
pub(crate) enum Owner {
    /// A user who is logged in, in this session.
    LoggedIn(UserId, SessionId),
    /// A user whose login waits for a second factor.
    LoggingIn(Secret<String>),
}

impl Owner {
    pub(super) fn find(&self, app: &App) -> Result<User, Error> {
        match self {
            Self::LoggedIn(user, _) => app.store.read(|tx| tx.find_user(*user))?.ok_or(Error::UserUnknown),
            Self::LoggingIn(text) => {
                let presented = present(app, text)?;
                let user = presented.user;
                // The challenge of a user with a second factor opens nothing.
                let is_for_it = presented.challenge.is_enrolment
                    && needs(app, user.id, user.roles.contains(ADMIN_ROLE))? != Needs::Factor;
                if is_for_it { Ok(user) } else { Err(Error::BadChallenge) }
            }
        }
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        match self {
            Self::LoggedIn(_, session) => Some(*session),
            Self::LoggingIn(_) => None,
        }
    }

    /// The user whose session a request comes from.
    pub(super) fn of(user: UserId, origin: &Origin) -> Result<Self, Error> {
        Ok(Self::LoggedIn(user, origin.session.ok_or(Error::SessionUnknown)?))
    }

    /// Part of every unit that changes what the user's second factors are: locks the user, and checks again that they may. A
    /// factor may have been confirmed, or the session ended, since the request was let in.
    pub(super) fn check_again(
        &self,
        tx: &mut WriteTx<'_>,
        user: UserId,
        (now, protection): (Timestamp, &Protection),
    ) -> Result<(), Error> {
        tx.lock_active_user(user)?.ok_or(Error::AccountDisabled)?;
        let Some(session) = self.session() else {
            let has_one = needs_in(Required::Off, &mut tx.reading(), user, false)? == Needs::Factor;
            return if has_one { Err(Error::BadChallenge) } else { Ok(()) };
        };
        let live = tx.reading().find_with_grant(session)?.ok_or(Error::SessionUnknown)?;
        if live.session.end_by(now).is_some() {
            return Err(Error::TokenRefused(TokenError::Revoked));
        }
        protection.check(&mut tx.reading(), user, &Authenticated::from(&live))
    }
}
