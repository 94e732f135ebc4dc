//! What a group of rows needs to know of what is stored, read with a few statements for all of them.

use std::collections::{HashMap, HashSet};

use super::subject::{Owner, Subject};
use super::user::ImportedUser;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::legacy_token::LegacyToken;
use crate::model::text::fold;
use crate::model::user::{ExternalId, User};
use crate::secret::KeyDigest;
use crate::store::{Credentials, Imported, ReadTx, WriteTx};

/// What is stored of what a group of rows names.
#[derive(Default)]
pub(super) struct Known {
    accounts: HashMap<UserId, Credentials>,
    by_external_id: HashMap<ExternalId, UserId>,
    by_username: HashMap<String, UserId>,
    /// What usernames of earlier versions that are not folded as today would be.
    unfolded: HashSet<String>,
    /// Verified addresses, folded.
    addresses: HashSet<String>,
    /// Names of what was deleted or revoked here.
    deleted: HashSet<String>,
    /// By `jti`.
    pub(super) tokens: HashMap<String, LegacyToken>,
    pub(super) keys: HashSet<KeyDigest>,
}

/// What an import has added that is not in [`Known`]: what the group has, and in a rehearsal what all groups would have.
#[derive(Default)]
pub(super) struct Added {
    pub(super) usernames: HashSet<String>,
    /// Verified addresses, folded.
    pub(super) addresses: HashSet<String>,
    pub(super) external_ids: HashSet<ExternalId>,
    /// The `jti`s of refresh tokens, and of those that are denied.
    pub(super) tokens: HashSet<String>,
    pub(super) denied: HashSet<String>,
    pub(super) keys: HashSet<KeyDigest>,
}

/// The accounts of the file that were refused: what is said to be theirs belongs to no account here.
#[derive(Default)]
pub(super) struct Refused {
    external_ids: HashSet<ExternalId>,
    usernames: HashSet<String>,
}

impl Refused {
    /// Notes an account by its key in the other system, if the rest of its row could not be read.
    pub(super) fn add_key(&mut self, key: &str) {
        self.external_ids.extend(key.parse::<ExternalId>().ok());
    }

    /// Notes the accounts among these rows that were refused.
    pub(super) fn add<T, E>(&mut self, subjects: &[&Subject], outcomes: &[Result<T, E>]) {
        for (subject, outcome) in subjects.iter().zip(outcomes) {
            if let (Subject::User(user), Err(_)) = (subject, outcome) {
                self.external_ids.extend(user.external_id.clone());
                self.usernames.insert(user.username.to_string());
            }
        }
    }

    pub(super) fn has(&self, owner: &Owner) -> bool {
        match owner {
            Owner::External(id) => self.external_ids.contains(id),
            Owner::Named(_) => owner.usernames().iter().any(|name| self.usernames.contains(*name)),
        }
    }
}

impl Known {
    /// What rows of one kind need. Accounts that they may change are locked until the end of the transaction.
    pub(super) fn read(tx: &mut WriteTx<'_>, subjects: &[&Subject]) -> Result<Self, Error> {
        let mut known = Self::default();
        let mut users: Vec<&ImportedUser> = Vec::new();
        let (mut owners, mut jtis, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for subject in subjects {
            match subject {
                Subject::User(user) => users.push(user),
                Subject::LegacyToken { jti, owner, .. } => {
                    jtis.push(jti.as_str());
                    owners.extend(owner);
                }
                Subject::DeniedToken { jti, .. } => jtis.push(jti),
                Subject::ApiKey { digest, owner, .. } => {
                    keys.push(digest);
                    owners.push(owner);
                }
            }
        }
        if !users.is_empty() {
            known.read_accounts(tx, &users)?;
            known.read_names(&mut tx.reading(), &users)?;
        }
        if !jtis.is_empty() {
            let tokens = tx.reading().list_legacy_tokens(&jtis)?;
            known.tokens = tokens.into_iter().map(|token| (token.jti.clone(), token)).collect();
        }
        if !keys.is_empty() {
            known.keys = tx.reading().list_known_keys(&keys)?.into_iter().collect();
        }
        known.read_owners(&mut tx.reading(), &owners)?;
        let external_ids = users.iter().filter_map(|user| user.external_id.as_ref());
        let external_ids = external_ids.chain(owners.into_iter().filter_map(Owner::external_id)).map(Imported::Account);
        let names: Vec<String> = external_ids.chain(keys.into_iter().map(Imported::Key)).map(Imported::name).collect();
        known.deleted = tx.reading().list_deleted_here(&names)?.into_iter().collect();
        Ok(known)
    }

    /// The accounts of the rows: those with their ids or their names in the other system.
    fn read_accounts(&mut self, tx: &mut WriteTx<'_>, users: &[&ImportedUser]) -> Result<(), Error> {
        let mut ids: Vec<UserId> = users.iter().filter_map(|user| user.id).collect();
        let external_ids: Vec<&ExternalId> = users.iter().filter_map(|user| user.external_id.as_ref()).collect();
        let called = tx.reading().list_by_external_id(&external_ids)?;
        ids.extend(called.iter().map(|known| known.user.id));
        if ids.is_empty() {
            return Ok(());
        }
        // Before they are read: what was changed here meanwhile stays.
        tx.lock_users(&ids)?;
        self.add(tx.reading().list_accounts(&ids)?);
        Ok(())
    }

    /// Who has the usernames and addresses of the rows.
    fn read_names(&mut self, tx: &mut ReadTx<'_>, users: &[&ImportedUser]) -> Result<(), Error> {
        let verified: Vec<String> = users.iter().filter_map(|user| user.verified_email()).collect();
        let names = users.iter().map(|user| user.username.to_string());
        let names: Vec<String> = names.chain(verified.iter().cloned()).collect();
        let like_addresses = users.iter().filter(|user| user.username.is_like_an_address());
        let addresses = like_addresses.map(|user| user.username.to_string()).chain(verified).collect::<Vec<_>>();
        self.add(tx.list_by_username(&names)?);
        for Credentials { user, .. } in tx.list_by_verified_email(&addresses)? {
            self.addresses.extend(user.verified_email().map(|email| email.folded().into_owned()));
        }
        let unfolded = tx.list_unfolded()?;
        self.unfolded = unfolded.iter().map(|user| fold(&user.username.to_string()).into_owned()).collect();
        Ok(())
    }

    fn read_owners(&mut self, tx: &mut ReadTx<'_>, owners: &[&Owner]) -> Result<(), Error> {
        let external_ids: Vec<&ExternalId> = owners.iter().filter_map(|owner| owner.external_id()).collect();
        let names: Vec<String> = owners.iter().flat_map(|owner| owner.usernames()).map(ToOwned::to_owned).collect();
        self.add(tx.list_by_external_id(&external_ids)?);
        self.add(tx.list_by_username(&names)?);
        Ok(())
    }

    fn add(&mut self, accounts: Vec<Credentials>) {
        for account in accounts {
            let (id, user) = (account.user.id, &account.user);
            self.by_external_id.extend(user.external_id.clone().map(|external_id| (external_id, id)));
            self.by_username.insert(user.username.to_string(), id);
            self.accounts.insert(id, account);
        }
    }

    /// The account of a row: with its id, or else with its name in the other system.
    pub(super) fn account(&self, new: &ImportedUser) -> Result<Option<&Credentials>, Error> {
        let by_id = new.id.filter(|id| self.accounts.contains_key(id));
        let by_external_id = new.external_id.as_ref().and_then(|id| self.by_external_id.get(id).copied());
        let found = match (by_id, by_external_id) {
            (Some(known), other) if other.is_none_or(|id| id == known) => Some(known),
            (None, Some(id)) if new.id.is_none() => Some(id),
            (None, None) => None,
            _ => return Err(Error::invalid("external_id", "taken", "is that of another account")),
        };
        Ok(found.and_then(|id| self.accounts.get(&id)))
    }

    /// The account that something belongs to. If two have its name, it is the one with exactly this spelling.
    pub(super) fn owner(&self, owner: &Owner) -> Option<&User> {
        let id = match owner {
            Owner::External(id) => self.by_external_id.get(id),
            Owner::Named(_) => owner.usernames().iter().find_map(|name| self.by_username.get(*name)),
        };
        id.and_then(|id| self.accounts.get(id)).map(|account| &account.user)
    }

    /// Notes that an account has the username and the verified address of a row.
    pub(super) fn add_names(&mut self, id: UserId, new: &ImportedUser) {
        self.by_username.insert(new.username.to_string(), id);
        self.addresses.extend(new.verified_email());
    }

    /// Whether it was deleted or revoked here.
    pub(super) fn was_deleted(&self, what: Imported<'_>) -> bool {
        self.deleted.contains(&what.name())
    }

    pub(super) fn is_username(&self, folded: &str) -> bool {
        self.by_username.contains_key(folded)
    }

    /// Whether it is another spelling of the name of an account.
    pub(super) fn is_unfolded_username(&self, folded: &str) -> bool {
        self.unfolded.contains(folded)
    }

    pub(super) fn is_verified_address(&self, folded: &str) -> bool {
        self.addresses.contains(folded)
    }
}

impl Added {
    /// Whether the account that something belongs to was added.
    pub(super) fn has(&self, owner: &Owner) -> bool {
        match owner {
            Owner::External(id) => self.external_ids.contains(id),
            Owner::Named(name) => self.usernames.contains(name.folded()),
        }
    }
}
