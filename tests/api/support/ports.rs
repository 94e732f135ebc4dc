//! Ports for servers that are started later, by address.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// A port that no program listens on, and a different one each time. It is below those that the kernel gives to connections
/// (from 32768 on Linux): one of these can be taken between this call and the start of the server, by a connection of anything
/// that runs at the same time. Browsers refuse some ports below 11000.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Two runs at once begin at different ports.
        let next = std::process::id().wrapping_mul(613).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = 11_000 + u16::try_from(next % 21_000).unwrap();
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return port,
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}"),
        }
    }
}
