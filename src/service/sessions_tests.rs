//! Opening a session with the proofs of several steps, which logins over HTTP do not have yet.

use tempfile::TempDir;

use super::*;
use crate::clock::Timestamp;
use crate::model::proof::Method;
use crate::model::user::ClaimedName;
use crate::secret::Secret;
use crate::service::proof::Evidence;
use crate::service::users::{self, NewUser};

const NOW: Timestamp = Timestamp(1_800_000_000);

/// An empty database with two users.
fn house() -> (TempDir, App) {
    let (dir, app) = App::on_an_empty_database(NOW);
    for username in ["ada", "bob"] {
        let password = Secret::new("correct horse battery staple".to_owned());
        let new = NewUser { username, email: None, name: None, roles: &[], password: &password };
        users::create(&app, &new, &Origin::default()).unwrap();
    }
    (dir, app)
}

/// The proof of a step in which this user was authenticated this many seconds ago.
fn proved(app: &App, username: &str, ago: i64) -> Proven {
    let name: ClaimedName = username.parse().unwrap();
    let known = app.store.read(|tx| tx.find_credentials(&name)).unwrap().unwrap();
    let proof = Proof { user: known.user.id, method: Method::Password, at: Timestamp(NOW.0 - ago) };
    let (checked, renewed) = (known.password_hash.clone(), known.password_hash);
    Proven { user: known.user, proof, evidence: Evidence::Password { checked, renewed } }
}

fn opened(app: &App, steps: Vec<Proven>) -> Option<Live> {
    open(app, steps, app.config.first_party(None), &Device::default(), &Origin::default()).unwrap()
}

#[test]
fn a_session_is_as_authenticated_as_the_oldest_of_its_proofs() {
    let (_dir, app) = house();
    let live = opened(&app, vec![proved(&app, "ada", 40), proved(&app, "ada", 100)]).unwrap();
    let (row, user) = app.store.read(|tx| tx.find_session(live.session.id)).unwrap().unwrap();
    assert_eq!((row.created_at, row.auth_time()), (NOW, Timestamp(NOW.0 - 100)));
    assert_eq!((row, &user), (live.session, &live.user));
    assert_eq!(live.grant.unwrap().amr.names(), ["pwd"]);
}

#[test]
fn no_session_is_opened_on_no_proof_on_proofs_of_two_users_or_on_one_that_does_not_hold_any_more() {
    let (_dir, app) = house();
    let another = Evidence::Password { checked: "another".to_owned(), renewed: "another".to_owned() };
    let void = Proven { evidence: another, ..proved(&app, "ada", 0) };
    for steps in [vec![], vec![proved(&app, "ada", 0), proved(&app, "bob", 0)], vec![proved(&app, "ada", 0), void]] {
        assert_eq!(opened(&app, steps), None);
    }
    assert!(app.store.read(|tx| tx.has_no_sessions()).unwrap());
}
