//! Attributes of users: what other services keep with an account.

use serde_json::{Map, Value};

use super::fields::{collect, invalid};
use crate::app::App;
use crate::error::Error;
use crate::model::attributes::{Attributes, merge};
use crate::model::audit::{EventName, Origin};
use crate::model::id::UserId;
use crate::model::text::BadText;
use crate::model::user::User;

/// A merge patch; null removes all.
pub(crate) type Patch = Option<Map<String, Value>>;

/// What is to be changed; what is missing stays.
#[derive(Debug, Default)]
pub(crate) struct AttributesChange {
    /// Of those that the user may change.
    pub(crate) public: Option<Patch>,
    /// Of those that only administrators change.
    pub(crate) app: Option<Patch>,
}

/// Changes attributes by merge patches ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)); returns the account as it is
/// afterwards. Claims that come from them follow with the next refresh.
pub(crate) fn change(app: &App, id: UserId, change: AttributesChange, origin: &Origin) -> Result<User, Error> {
    let event = origin.event(app.clock.now(), EventName::AttributesChanged).about(id);
    app.units.run(move |tx| {
        tx.lock_user(id)?;
        let before = tx.reading().find_user(id)?.ok_or(Error::UserUnknown)?;
        let mut problems = Vec::new();
        let mut changed = |field, before: &Option<Attributes>, patch: &Option<Patch>| {
            collect(&mut problems, patched(before.as_ref(), patch.as_ref()).map_err(invalid(field)))
        };
        let public = changed("public", &before.public_attributes, &change.public);
        let private = changed("app", &before.app_attributes, &change.app);
        let (Some(public), Some(private)) = (public, private) else { return Err(Error::Invalid(problems)) };
        let kinds = [("public", public != before.public_attributes), ("app", private != before.app_attributes)];
        let kinds: Vec<&str> = kinds.iter().filter(|(_, is_changed)| *is_changed).map(|(kind, _)| *kind).collect();
        if kinds.is_empty() {
            return Ok(before);
        }
        tx.set_attributes(id, public.as_ref(), private.as_ref())?;
        tx.record(event.with(kinds.join(" ")))?;
        Ok(User { public_attributes: public, app_attributes: private, ..before })
    })
}

fn patched(before: Option<&Attributes>, patch: Option<&Patch>) -> Result<Option<Attributes>, BadText> {
    match patch {
        None => Ok(before.cloned()),
        Some(None) => Ok(None),
        Some(Some(patch)) => {
            let mut object = Attributes::object_of(before);
            merge(&mut object, patch);
            Attributes::of(&object)
        }
    }
}
