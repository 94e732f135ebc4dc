//! How the values of the domain are stored: the one place that turns them into what a column holds, and back.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, SmallInt, Text};
use diesel::sqlite::Sqlite;

use super::connection::MultiBackend;
use super::types::{SqlTime, SqlUuid, UuidBytes};
use crate::clock::Timestamp;
use crate::model::attributes::Attributes;
use crate::model::audit::EventName;
use crate::model::claim_name::ClaimName;
use crate::model::client::{AuthMethod, ClientId, IdTokenAlg, Words};
use crate::model::custom_claim::Mapping;
use crate::model::grant::Amr;
use crate::model::id::Id;
use crate::model::mail_token::Purpose;
use crate::model::names::Names;
use crate::model::provider::{ClaimMap, Preset, ProviderId};
use crate::model::session::EndReason;
use crate::model::sharing::{Context, Mark};
use crate::model::user::{DisplayName, Email, ExternalId, Username};
use crate::secret::KeyDigest;

/// A value in a column of an SQL type, as another type has it in a column of its own (SQLite is given it as a third, where
/// it wants that); how it is read, and written.
macro_rules! column {
    ($type:ty $(, $tag:ident: $life:lifetime)?: $sql:ident as $carrier:ty $(=> $sqlite:ty)?: $carrier_sql:ident, $read:expr, $write:expr) => {
        impl<$($tag: $life,)? DB: Backend> FromSql<$sql, DB> for $type
        where
            $carrier: FromSql<$carrier_sql, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let read: fn($carrier) -> deserialize::Result<Self> = $read;
                read(<$carrier>::from_sql(bytes)?)
            }
        }

        impl<$($tag: $life,)? DB: Backend> Queryable<$sql, DB> for $type
        where
            Self: FromSql<$sql, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }

        impl$(<$tag: $life>)? ToSql<$sql, Pg> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                let write: fn(&Self) -> $carrier = $write;
                <$carrier as ToSql<$carrier_sql, Pg>>::to_sql(&write(self), &mut out.reborrow())
            }
        }

        impl$(<$tag: $life>)? ToSql<$sql, Sqlite> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                let write: fn(&Self) -> $carrier = $write;
                out.set_value($(<$sqlite>::from)?(write(self)));
                Ok(IsNull::No)
            }
        }

        impl$(<$tag: $life>)? ToSql<$sql, MultiBackend> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql, self));
                Ok(IsNull::No)
            }
        }
    };
}

column!(Id<T>, T: 'static: SqlUuid as UuidBytes => Vec<u8>: Binary, |b| Ok(Id::from_bytes(b.0)), |id| UuidBytes(*id.as_bytes()));
column!([u8; 16]: SqlUuid as UuidBytes => Vec<u8>: Binary, |b| Ok(b.0), |bytes| UuidBytes(*bytes));
column!(KeyDigest: Binary as Vec<u8>: Binary, |b| Ok(KeyDigest(b.as_slice().try_into()?)), |digest| digest.0.to_vec());
column!(Timestamp: SqlTime as i64: BigInt, |seconds| Ok(Timestamp(seconds)), |at| at.0);
column!(Username: Text as String: Text, |text| Ok(Username::from_stored(text)), ToString::to_string);
column!(Email: Text as String: Text, |text| Ok(Email::from_stored(text)), ToString::to_string);
column!(DisplayName: Text as String: Text, |text| Ok(DisplayName::from_stored(text)), ToString::to_string);
column!(ExternalId: Text as String: Text, |text| Ok(ExternalId::from_stored(text)), ToString::to_string);
column!(Names: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(ClientId: Text as String: Text, |text| Ok(ClientId::from_stored(text)), ToString::to_string);
column!(AuthMethod: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(Words: Text as String: Text, |text| Ok(text.split_whitespace().collect()), ToString::to_string);
column!(IdTokenAlg: Text as String: Text, |text| Ok(IdTokenAlg(text.parse()?)), |alg| alg.0.to_string());
column!(ProviderId: Text as String: Text, |text| Ok(ProviderId::from_stored(text)), ToString::to_string);
column!(Preset: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(ClaimMap: Text as String: Text, |text| Ok(serde_json::from_str(&text)?), ToString::to_string);
column!(Attributes: Text as String: Text, |text| Ok(Attributes::from_stored(text)), ToString::to_string);
column!(ClaimName: Text as String: Text, |text| Ok(ClaimName::from_stored(text)), ToString::to_string);
column!(Mapping: Text as String: Text, |text| Ok(serde_json::from_str(&text)?), ToString::to_string);
column!(EndReason: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(Amr: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(Context: BigInt as i64: BigInt, |number| Ok(Context::of_number(number)), |context| context.number());
column!(Mark: SmallInt as i16 => i32: SmallInt, |number| Ok(Mark::of_number(number)), |mark| mark.number());
column!(Purpose: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(EventName: Text as String: Text, |text| Ok(text.parse()?), |name| name.text().to_owned());
