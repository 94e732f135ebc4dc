//! The test vectors of the specification ([WebAuthn level 3 section 16](https://www.w3.org/TR/webauthn-3/#sctn-test-vectors)),
//! which `tests/vectors/webauthn.json` has as they are there, and what becomes of them when a part is changed.

use serde_json::Value;

use super::attestation::AttestationObject;
use super::authenticator_data::AuthenticatorData;
use super::{Answer, Assertion, Demand, Known, Refusal, Registered, Registration, RelyingParty};

fn rp() -> RelyingParty {
    RelyingParty { id: "example.org".to_owned(), origins: vec!["https://example.org".to_owned()] }
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../tests/vectors/webauthn.json")).unwrap()
}

fn vector(name: &str) -> Value {
    vectors().into_iter().find(|vector| vector["name"] == name).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn registration(vector: &Value) -> Registration {
    let of = &vector["registration"];
    Registration { client_data: bytes(&of["client_data"]), attestation_object: bytes(&of["attestation_object"]) }
}

fn register(vector: &Value) -> Result<Registered, Refusal> {
    let challenge = bytes(&vector["registration"]["challenge"]);
    assert_eq!(registration(vector).challenge(), Ok(challenge.clone()));
    registration(vector).check(&rp(), &challenge, Demand::Presence)
}

fn assertion(vector: &Value) -> Assertion {
    let of = &vector["authentication"];
    Assertion {
        credential_id: bytes(&vector["credential_id"]),
        client_data: bytes(&of["client_data"]),
        authenticator_data: bytes(&of["authenticator_data"]),
        signature: bytes(&of["signature"]),
        user_handle: None,
    }
}

/// The key of a vector, whatever its attestation.
fn public_key(vector: &Value) -> Vec<u8> {
    let object = bytes(&vector["registration"]["attestation_object"]);
    let data = AttestationObject::read(&object).unwrap().data;
    let credential = AuthenticatorData::read(data).unwrap().credential.unwrap();
    assert_eq!(credential.id, bytes(&vector["credential_id"]));
    credential.public_key.to_vec()
}

fn authenticate_with(vector: &Value, assertion: &Assertion, sign_count: u32) -> Result<Answer, Refusal> {
    let known = Known { user_handle: b"ada", public_key: &public_key(vector), sign_count, is_backup_eligible: None };
    assertion.check(&rp(), &bytes(&vector["authentication"]["challenge"]), Demand::Presence, &known)
}

fn authenticate(vector: &Value) -> Result<Answer, Refusal> {
    authenticate_with(vector, &assertion(vector), 0)
}

#[test]
fn registrations_of_the_specification_are_accepted_or_refused_for_what_they_are() {
    let not_asked = Refusal::Unsupported("its attestation was not asked for");
    let algorithm = Refusal::Unsupported("its algorithm was not asked for");
    for vector in vectors() {
        let name = vector["name"].as_str().unwrap();
        let expected = match name {
            "none-es256" | "packed-self-es256" | "none-es256-long-credential-id" => Ok(()),
            "none-es256-crossOrigin" | "none-es256-topOrigin" => Err(Refusal::WrongOrigin),
            "packed-es384" | "packed-es512" | "packed-ed448" => Err(algorithm),
            _ => Err(not_asked),
        };
        let registered = register(&vector);
        assert_eq!(registered.as_ref().map(drop).map_err(|refusal| *refusal), expected, "{name}");
        if let Ok(registered) = registered {
            assert_eq!(registered.credential_id, bytes(&vector["credential_id"]), "{name}");
            assert_eq!(registered.sign_count, 0, "{name}");
        }
    }
}

#[test]
fn authentications_of_the_specification_are_accepted_or_refused_for_what_they_are() {
    for vector in vectors() {
        let name = vector["name"].as_str().unwrap();
        let expected = match name {
            "none-es256-crossOrigin" | "none-es256-topOrigin" => Err(Refusal::WrongOrigin),
            "packed-es384" | "packed-es512" | "packed-ed448" => {
                Err(Refusal::Unsupported("its algorithm was not asked for"))
            }
            _ => Ok(()),
        };
        assert_eq!(authenticate(&vector).map(drop), expected, "{name}");
    }
}

/// With the key of the only algorithm that differs.
#[test]
fn a_signature_of_another_message_or_key_is_wrong() {
    for name in ["none-es256", "packed-rs256", "packed-eddsa"] {
        let vector = vector(name);
        let with = |change: fn(&mut Assertion)| {
            let mut assertion = assertion(&vector);
            change(&mut assertion);
            authenticate_with(&vector, &assertion, 0).map(drop)
        };
        assert_eq!(with(|_| {}), Ok(()), "{name}");
        for changed in [
            with(|assertion| assertion.signature.clear()),
            with(|assertion| *assertion.signature.last_mut().unwrap() ^= 1),
            with(|assertion| assertion.client_data.push(b' ')),
            with(|assertion| assertion.authenticator_data[36] = 1),
        ] {
            assert_eq!(changed, Err(Refusal::BadSignature), "{name}");
        }
    }
    let key = public_key(&vector("packed-self-es256"));
    let of_another = Known { user_handle: b"ada", public_key: &key, sign_count: 0, is_backup_eligible: None };
    let vector = vector("none-es256");
    let challenge = bytes(&vector["authentication"]["challenge"]);
    let checked = assertion(&vector).check(&rp(), &challenge, Demand::Presence, &of_another);
    assert_eq!(checked, Err(Refusal::BadSignature));
    let mut changed = self::vector("packed-self-es256");
    let object = changed["registration"]["attestation_object"].as_str().unwrap().replacen("06d068", "06d168", 1);
    let object = object.replacen("b60068", "b60168", 1).replacen("473b6006d6", "473b6007d6", 1);
    changed["registration"]["attestation_object"] = object.into();
    assert_eq!(register(&changed).map(drop), Err(Refusal::BadSignature), "its word for itself");
}

#[test]
fn what_is_for_somebody_or_something_else_is_refused() {
    let vector = vector("none-es256");
    let known =
        Known { user_handle: b"ada", public_key: &public_key(&vector), sign_count: 0, is_backup_eligible: None };
    let challenge = bytes(&vector["authentication"]["challenge"]);
    let of = |id: &str, origin: &str| RelyingParty { id: id.to_owned(), origins: vec![origin.to_owned()] };
    let check = |rp: &RelyingParty, challenge: &[u8], asked| {
        let (authenticated, registered) = (assertion(&vector), registration(&vector));
        (
            authenticated.check(rp, challenge, asked, &known).map(drop),
            registered.check(rp, &bytes(&vector["registration"]["challenge"]), asked).map(drop),
        )
    };
    let both = |refusal| (Err(refusal), Err(refusal));
    assert_eq!(check(&rp(), &challenge, Demand::Presence), (Ok(()), Ok(())));
    assert_eq!(check(&rp(), &challenge, Demand::Verification), both(Refusal::NotVerified));
    let other = of("example.com", "https://example.org");
    assert_eq!(check(&other, &challenge, Demand::Presence), both(Refusal::WrongRelyingParty));
    let other = of("example.org", "https://example.org:8443");
    assert_eq!(check(&other, &challenge, Demand::Presence), both(Refusal::WrongOrigin));
    assert_eq!(check(&rp(), b"another", Demand::Presence).0, Err(Refusal::ChallengeOver));
    assert_eq!(registration(&vector).check(&rp(), b"another", Demand::Presence), Err(Refusal::ChallengeOver));
    for (user_handle, expected) in
        [(&b"ada"[..], Ok(())), (b"bob", Err(Refusal::WrongUser)), (b"", Err(Refusal::WrongUser))]
    {
        let assertion = Assertion { user_handle: Some(user_handle.to_vec()), ..assertion(&vector) };
        assert_eq!(authenticate_with(&vector, &assertion, 0).map(drop), expected);
    }
    // One ceremony's response for the other's.
    let registered = &vector["registration"];
    let crossed = Assertion { client_data: bytes(&registered["client_data"]), ..assertion(&vector) };
    let crossed = crossed.check(&rp(), &bytes(&registered["challenge"]), Demand::Presence, &known);
    assert_eq!(crossed, Err(Refusal::Malformed("its type is that of another ceremony")));
}

#[test]
fn a_counter_that_goes_back_is_refused() {
    let vector = vector("none-es256");
    assert_eq!(authenticate_with(&vector, &assertion(&vector), 1).map(drop), Err(Refusal::CounterBack));
    assert_eq!(authenticate_with(&vector, &assertion(&vector), 0).map(|verified| verified.sign_count), Ok(0));
}

/// Whatever is cut off or changed is refused, and nothing panics.
#[test]
fn every_prefix_and_every_changed_byte_of_a_response_is_refused_or_read() {
    let vector = vector("packed-self-es256");
    let challenge = bytes(&vector["registration"]["challenge"]);
    let whole = registration(&vector).attestation_object;
    let check = |attestation_object: Vec<u8>| {
        let registration = Registration { attestation_object, ..registration(&vector) };
        registration.check(&rp(), &challenge, Demand::Presence)
    };
    assert!(check(whole.clone()).is_ok());
    for length in 0..whole.len() {
        assert!(check(whole[..length].to_vec()).is_err(), "{length}");
    }
    assert!(check([whole.as_slice(), b"\0"].concat()).is_err());
    for at in 0..whole.len() {
        for change in [1, 0x20, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= change;
            assert!(check(changed).is_err(), "{at} {change}");
        }
    }
    let authentication = assertion(&vector);
    for length in 0..authentication.authenticator_data.len() {
        let authenticator_data = authentication.authenticator_data[..length].to_vec();
        let cut = Assertion { authenticator_data, ..assertion(&vector) };
        assert!(matches!(authenticate_with(&vector, &cut, 0), Err(Refusal::Malformed(_))), "{length}");
    }
}
