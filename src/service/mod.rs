//! What the service does, one file for each use case. Functions here block: they wait for the database and for password
//! hashes, and are called from threads that may.

pub mod bootstrap;
pub mod caretaker;
pub mod denied;
pub mod login;
pub mod pair;
pub mod purge;
pub mod refresh;
pub mod revoke;
pub mod users;
pub mod verify;
