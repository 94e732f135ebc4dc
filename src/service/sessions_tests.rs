//! What is checked in the unit that uses a proof or changes a factor, after the request was let in.

use tempfile::TempDir;

use super::*;
use crate::clock::Timestamp;
use crate::model::proof::Method;
use crate::model::second_factor::Challenge;
use crate::model::user::ClaimedName;
use crate::secret::{Secret, digest_of};
use crate::service::owner::Owner;
use crate::service::proof::Evidence;
use crate::service::totp;
use crate::service::users::{self, NewUser};
use crate::store::{Confirmed, ReadTx, WriteTx};

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
    assert_eq!((row, &user), (live.session, &*live.user));
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

/// Sets up an app whose code of step 7 was used.
fn enrolled(app: &App, user: UserId) {
    let secret = || "sealed".to_owned();
    let confirmed = Confirmed { secret: secret(), at: NOW, session: None, step: 7 };
    let confirm = |tx: &mut WriteTx<'_>| {
        tx.put_pending_totp(user, secret())?;
        tx.confirm_totp(user, confirmed)
    };
    assert!(app.store.write(confirm).unwrap());
}

#[test]
fn the_password_alone_opens_nothing_once_a_factor_is_confirmed() {
    let (_dir, app) = house();
    let live = opened(&app, vec![proved(&app, "ada", 0)]).unwrap();
    // Between the first step and the unit.
    enrolled(&app, live.user.id);
    assert_eq!(opened(&app, vec![proved(&app, "ada", 0)]), None);
    let again = authenticate_again(&app, live.session.id, vec![proved(&app, "ada", 0)], &Origin::default());
    assert_eq!(again.unwrap(), None);
}

/// What somebody who knows the password has prepared while the owner sets up the app.
#[test]
fn a_session_that_has_not_shown_a_new_factor_neither_removes_it_nor_gets_recovery_codes() {
    let (_dir, app) = house();
    let live = opened(&app, vec![proved(&app, "ada", 0)]).unwrap();
    let (user, origin) = (live.user.id, Origin { session: Some(live.session.id), ..Origin::default() });
    enrolled(&app, user);
    let refused = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::SecondFactorNotShown { .. })), "{result:?}");
    };
    refused(totp::remove(&app, user, &origin));
    refused(totp::renew_codes(&app, user, &origin).map(|_| ()));
    let left = |tx: &mut ReadTx<'_>| Ok((tx.list_factors(user)?.len(), tx.count_recovery_codes(user)?));
    assert_eq!(app.store.read(left).unwrap(), (1, 0));
}

/// Its access token may still be accepted by an instance that has not heard of the end.
#[test]
fn a_session_that_has_ended_sets_up_no_factor() {
    let (_dir, app) = house();
    let live = opened(&app, vec![proved(&app, "ada", 0)]).unwrap();
    let (user, session, access) = (live.user.id, live.session.id, app.config.lifetimes.access);
    let end = End { at: NOW, reason: EndReason::Logout };
    assert!(app.units.run(move |tx| tx.end_session_of(user, session, end, access)).unwrap());
    let begun = totp::begin(&app, Owner::LoggedIn(user, session)).map(|_| ());
    assert!(matches!(begun, Err(Error::TokenRefused(TokenError::Revoked))), "{begun:?}");
}

#[test]
fn a_code_that_was_used_by_another_login_leaves_the_challenge_as_it_is() {
    let (_dir, app) = house();
    let Proven { user, proof, evidence } = proved(&app, "ada", 0);
    let Evidence::Password { checked, .. } = evidence else { panic!("it is one") };
    enrolled(&app, user.id);
    let text = digest_of("a challenge");
    let challenge = Challenge {
        user_id: user.id,
        session_id: None,
        proved_at: NOW,
        is_enrolment: false,
        audience: None,
        label: None,
        by_cookie: false,
        expires_at: Timestamp(NOW.0 + 300),
        used_at: None,
        identity_id: None,
    };
    app.store.write(|tx| tx.insert_challenge(&challenge, text, digest_of(&checked))).unwrap();
    let with_code_of = |step| {
        let (secret, renewed) = ("sealed".to_owned(), "sealed".to_owned());
        let earlier = Evidence::Earlier { checked: checked.clone(), challenge: text, identity: None };
        let otp = Evidence::Otp { secret, step, renewed };
        let proofs = [(proof, earlier), (Proof { method: Method::Otp, ..proof }, otp)];
        opened(&app, proofs.map(|(proof, evidence)| Proven { user: user.clone(), proof, evidence }).to_vec())
    };
    assert_eq!(with_code_of(7), None);
    assert!(with_code_of(8).is_some());
    assert_eq!(with_code_of(9), None, "the challenge was used");
}
