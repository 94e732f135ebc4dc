//! A body that many responses share, sent in pieces: each connection holds a copy only of the piece that it is sending.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

const PIECE: usize = 32 * 1024;

/// The part of a text that is still to be sent.
pub(super) struct SharedBody {
    text: Arc<str>,
    sent: usize,
}

impl SharedBody {
    pub(super) fn new(text: Arc<str>) -> Self {
        Self { text, sent: 0 }
    }
}

impl MessageBody for SharedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(u64::try_from(self.text.len()).unwrap_or(u64::MAX))
    }

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let body = self.get_mut();
        let rest = body.text.as_bytes().get(body.sent..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest);
        body.sent += piece.len();
        Poll::Ready((!piece.is_empty()).then(|| Ok(Bytes::copy_from_slice(piece))))
    }
}
