//! Which roles an imported account gets: those that the file names, and those that the command gives for what the file says.

use std::collections::HashMap;
use std::str::FromStr;

use crate::model::names::{ADMIN_ROLE, Roles};
use crate::model::text::BadText;

/// A role that is given for something, as in `is_superuser=admin` or `group:Content editors=editor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    source: Source,
    role: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// A field that is true.
    Field(String),
    /// A group, or a role of the file.
    Name(String),
}

impl FromStr for Mapping {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let refused = BadText("must be FIELD=ROLE or group:NAME=ROLE");
        let (source, role) = text.rsplit_once('=').ok_or(refused)?;
        let source = match source.split_once(':') {
            Some(("group" | "role", name)) => Source::Name(name.to_owned()),
            _ => Source::Field(source.to_owned()),
        };
        let names = Roles::new([role])?;
        match source {
            Source::Field(name) | Source::Name(name) if name.is_empty() => Err(refused),
            source => Ok(Self { source, role: names.to_string() }),
        }
    }
}

/// All roles that the command gives.
#[derive(Clone, Debug, Default)]
pub struct RoleMap {
    mappings: Vec<Mapping>,
    /// What each role without a mapping was made of.
    origins: HashMap<String, String>,
}

impl RoleMap {
    pub(crate) fn new(mappings: Vec<Mapping>) -> Self {
        Self { mappings, origins: HashMap::new() }
    }

    /// The fields for which a role is given.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.mappings.iter().filter_map(|mapping| match &mapping.source {
            Source::Field(name) => Some(name.as_str()),
            Source::Name(_) => None,
        })
    }

    /// The roles of an account with these groups, for which these fields are true. Without a mapping a group becomes a role of
    /// its name, but for `admin`: no file makes an administrator.
    pub(super) fn roles(&mut self, groups: &[String], fields: &[String]) -> Result<Roles, String> {
        let mut roles = Vec::new();
        for field in fields {
            roles.extend(self.given(&Source::Field(field.clone())));
        }
        for group in groups {
            let given = self.given(&Source::Name(group.clone()));
            if given.is_empty() {
                roles.extend(self.named(group)?);
            }
            roles.extend(given);
        }
        Roles::new(&roles).map_err(|bad| format!("roles {bad}"))
    }

    fn given(&self, source: &Source) -> Vec<String> {
        self.mappings.iter().filter(|mapping| mapping.source == *source).map(|mapping| mapping.role.clone()).collect()
    }

    /// The role of a group's name, with a hyphen for what no role may have.
    fn named(&mut self, group: &str) -> Result<Option<String>, String> {
        let is_of_role = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        let words: Vec<&str> = group.split(|c| !is_of_role(c)).filter(|word| !word.is_empty()).collect();
        let role = words.join("-");
        if role == ADMIN_ROLE {
            return Ok(None);
        }
        let origin = self.origins.entry(role.clone()).or_insert_with(|| group.to_owned());
        if Roles::new([&role]).is_err() || origin != group {
            return Err(format!("the group {group:?} needs a role of its own: --map 'group:{group}=ROLE'"));
        }
        Ok(Some(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(map: &mut RoleMap, groups: &[&str], fields: &[&str]) -> Result<String, String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        map.roles(&owned(groups), &owned(fields)).map(|roles| roles.to_string())
    }

    #[test]
    fn nobody_becomes_an_administrator_unless_the_command_says_so() {
        let mut map = RoleMap::default();
        assert_eq!(roles(&mut map, &["admin", "editor"], &["is_superuser"]), Ok("editor".to_owned()));
        let mut map = RoleMap::new(vec!["is_superuser=admin".parse().unwrap()]);
        assert_eq!(roles(&mut map, &["admin"], &[]), Ok(String::new()));
        assert_eq!(roles(&mut map, &[], &["is_superuser"]), Ok("admin".to_owned()));
        let mut map = RoleMap::new(vec!["group:admin=admin".parse().unwrap()]);
        assert_eq!(roles(&mut map, &["admin"], &[]), Ok("admin".to_owned()));
    }

    #[test]
    fn a_group_becomes_a_role_of_its_name_and_two_groups_never_the_same() {
        let mut map = RoleMap::new(vec!["group:Équipe=team".parse().unwrap(), "group:a=b=c".parse().unwrap()]);
        assert_eq!(
            roles(&mut map, &["Content editors", "Équipe", "a=b"], &[]),
            Ok("Content-editors c team".to_owned())
        );
        assert!(roles(&mut map, &["Content-editors"], &[]).is_err());
        assert!(roles(&mut map, &["Редакторы"], &[]).is_err());
        assert!(roles(&mut map, &[&"a".repeat(65)], &[]).is_err());
        // What makes `admin` of another name makes no administrator.
        assert_eq!(roles(&mut map, &[" admin "], &[]), Ok(String::new()));
    }

    #[test]
    fn a_mapping_names_both_sides() {
        for bad in ["", "a", "=a", "group:=a", "a=", "a=b c"] {
            assert!(bad.parse::<Mapping>().is_err(), "{bad}");
        }
    }
}
