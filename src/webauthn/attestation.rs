//! Attestation objects ([WebAuthn level 3 section 6.5.4](https://www.w3.org/TR/webauthn-3/#sctn-generating-an-attestation-object)).
//! None is asked for, so two formats may come: none, and an authenticator's word for itself.

use minicbor::Decoder;
use minicbor::data::Type;

use super::Refusal;
use super::cose::PublicKey;

const BAD: Refusal = Refusal::Malformed("its attestation object cannot be read");
const NOT_ASKED: Refusal = Refusal::Unsupported("its attestation was not asked for");

pub(super) struct AttestationObject<'a> {
    statement: Statement<'a>,
    /// The authenticator data.
    pub(super) data: &'a [u8],
}

enum Statement<'a> {
    None,
    /// By the key itself ([section 8.2](https://www.w3.org/TR/webauthn-3/#sctn-packed-attestation)).
    Itself {
        algorithm: i64,
        signature: &'a [u8],
    },
    /// Another one.
    Other,
}

impl<'a> AttestationObject<'a> {
    pub(super) fn read(cbor: &'a [u8]) -> Result<Self, Refusal> {
        let bad = |_cbor| BAD;
        let (mut format, mut data, mut statement) = (None, None, None);
        let mut decoder = Decoder::new(cbor);
        for _ in 0..decoder.map().map_err(bad)?.ok_or(BAD)? {
            match decoder.str().map_err(bad)? {
                "fmt" => format = Some(decoder.str().map_err(bad)?),
                "authData" => data = Some(decoder.bytes().map_err(bad)?),
                "attStmt" => {
                    statement = Some(decoder.clone());
                    decoder.skip().map_err(bad)?;
                }
                _ => decoder.skip().map_err(bad)?,
            }
        }
        if decoder.position() != cbor.len() {
            return Err(BAD);
        }
        let (Some(format), Some(data), Some(statement)) = (format, data, statement) else { return Err(BAD) };
        let statement = Statement::read(format, statement).map_err(bad)?;
        Ok(Self { statement, data })
    }

    /// Whether the statement is one that may come, and right.
    pub(super) fn check(&self, key: &PublicKey<'_>, client_data_hash: &[u8]) -> Result<(), Refusal> {
        match self.statement {
            Statement::None => Ok(()),
            Statement::Itself { algorithm, signature } if algorithm == key.algorithm() => {
                key.verify(&[self.data, client_data_hash].concat(), signature)
            }
            Statement::Itself { .. } => Err(BAD),
            Statement::Other => Err(NOT_ASKED),
        }
    }
}

impl<'a> Statement<'a> {
    fn read(format: &str, mut decoder: Decoder<'a>) -> Result<Self, minicbor::decode::Error> {
        let Some(members) = decoder.map()? else { return Ok(Self::Other) };
        let (mut algorithm, mut signature, mut has_others) = (None, None, false);
        for _ in 0..members {
            match (decoder.str()?, decoder.datatype()?) {
                ("alg", _) => algorithm = Some(decoder.i64()?),
                ("sig", Type::Bytes) => signature = Some(decoder.bytes()?),
                _ => {
                    has_others = true;
                    decoder.skip()?;
                }
            }
        }
        Ok(match (format, algorithm, signature) {
            ("none", None, None) if !has_others => Self::None,
            ("packed", Some(algorithm), Some(signature)) if !has_others => Self::Itself { algorithm, signature },
            _ => Self::Other,
        })
    }
}
