//! HTTP/1.1 over one connection that is kept.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8_192) })
    }

    /// Sends a raw request; returns the status and the body of the response.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, head_bytes, body_bytes)) = parse(&self.buffer)
                && self.buffer.len() >= head_bytes + body_bytes
            {
                return Ok((status, &self.buffer[head_bytes..head_bytes + body_bytes]));
            }
        }
    }
}

/// The status, the size of the head, and the size of the body, as soon as the head is complete.
fn parse(buffer: &[u8]) -> Option<(u16, usize, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = response.parse(buffer).unwrap() else { return None };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body_bytes = length.map_or(0, |header| std::str::from_utf8(header.value).unwrap().parse().unwrap());
    Some((response.code.unwrap(), head_bytes, body_bytes))
}
