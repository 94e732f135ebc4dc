//! Public keys as authenticators write them ([RFC 9053](https://www.rfc-editor.org/rfc/rfc9053)), and their signatures
//! ([WebAuthn level 3 section 6.5.5](https://www.w3.org/TR/webauthn-3/#sctn-signature-attestation-types)).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use minicbor::Decoder;
use minicbor::data::Type;

use super::Refusal;

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// The algorithms that are accepted, the best first.
pub(crate) const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

/// From 2048 bits on ([RFC 8812 section 2](https://www.rfc-editor.org/rfc/rfc8812#section-2)); longer ones than these only take
/// time.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

const BAD_KEY: Refusal = Refusal::Malformed("its public key cannot be read");

pub(super) enum PublicKey<'a> {
    /// By elliptic curves.
    Curve(ParsedPublicKey, i64),
    Rs256(RsaPublicKeyComponents<&'a [u8]>),
}

impl<'a> PublicKey<'a> {
    pub(super) fn read(cose: &'a [u8]) -> Result<Self, Refusal> {
        let members = Members::read(cose)?;
        let (key_type, algorithm) = (members.number(1)?, members.number(3)?);
        match (key_type, algorithm) {
            // P-256 (RFC 9053 section 7.1.1).
            (2, ES256) if members.number(-1)? == 1 => {
                let (x, y) = (members.bytes(-2)?, members.bytes(-3)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(BAD_KEY);
                }
                // SEC 1 section 2.3.3.
                let point = [&[4], x, y].concat();
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_bad| BAD_KEY)?;
                Ok(Self::Curve(key, ES256))
            }
            // Ed25519 (RFC 9053 section 7.2).
            (1, EDDSA) if members.number(-1)? == 6 => {
                let x = Some(members.bytes(-2)?).filter(|x| x.len() == 32).ok_or(BAD_KEY)?;
                let key = ParsedPublicKey::new(&ED25519, x).map_err(|_bad| BAD_KEY)?;
                Ok(Self::Curve(key, EDDSA))
            }
            // RFC 8230 section 4.
            (3, RS256) => {
                let (n, e) = (members.bytes(-1)?, members.bytes(-2)?);
                let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
                let is_usual = RSA_BYTES.contains(&n.len())
                    && n.first().is_some_and(|first| *first != 0)
                    && (1..=4).contains(&e.len())
                    && is_odd(n)
                    && is_odd(e)
                    && e != [1];
                if is_usual { Ok(Self::Rs256(RsaPublicKeyComponents { n, e })) } else { Err(BAD_KEY) }
            }
            _ => Err(Refusal::Unsupported("its algorithm was not asked for")),
        }
    }

    pub(super) fn algorithm(&self) -> i64 {
        match self {
            Self::Curve(_, algorithm) => *algorithm,
            Self::Rs256(_) => RS256,
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let verified = match self {
            Self::Curve(key, _) => key.verify_sig(message, signature),
            Self::Rs256(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        verified.map_err(|_wrong| Refusal::BadSignature)
    }
}

/// Twice as long as the longest key that is accepted.
const MAX_BYTES: usize = 1_152;

/// The members of a key that are numbers or bytes.
struct Members<'a>(Vec<(i64, Member<'a>)>);

enum Member<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

impl<'a> Members<'a> {
    fn read(cose: &'a [u8]) -> Result<Self, Refusal> {
        if cose.len() > MAX_BYTES {
            return Err(BAD_KEY);
        }
        let bad = |_cbor| BAD_KEY;
        let (mut decoder, mut members) = (Decoder::new(cose), Vec::new());
        for _ in 0..decoder.map().map_err(bad)?.ok_or(BAD_KEY)? {
            let label = decoder.i64().map_err(bad)?;
            let member = match decoder.datatype().map_err(bad)? {
                Type::Bytes => Member::Bytes(decoder.bytes().map_err(bad)?),
                _ => Member::Number(decoder.i64().map_err(bad)?),
            };
            if members.iter().any(|(known, _)| *known == label) {
                return Err(BAD_KEY);
            }
            members.push((label, member));
        }
        Ok(Self(members))
    }

    fn find(&self, label: i64) -> Option<&Member<'a>> {
        self.0.iter().find(|(known, _)| *known == label).map(|(_, member)| member)
    }

    fn number(&self, label: i64) -> Result<i64, Refusal> {
        match self.find(label) {
            Some(Member::Number(number)) => Ok(*number),
            _ => Err(BAD_KEY),
        }
    }

    fn bytes(&self, label: i64) -> Result<&'a [u8], Refusal> {
        match self.find(label) {
            Some(Member::Bytes(bytes)) => Ok(bytes),
            _ => Err(BAD_KEY),
        }
    }
}
