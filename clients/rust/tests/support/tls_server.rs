//! A server whose certificate, which is for localhost, is signed by an authority of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// It runs until the test ends.
pub(crate) struct TlsServer {
    /// Its name and port.
    pub(crate) address: String,
    /// The authority, as PEM.
    pub(crate) authority: String,
}

impl TlsServer {
    /// Gives this answer to whoever trusts it and asks anything.
    pub(crate) fn start(answer: String) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let config = Arc::new(config(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
                let mut line = String::new();
                // A client that does not trust the certificate hangs up.
                while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                    line.clear();
                }
                if line == "\r\n" {
                    let _gone = stream.get_mut().write_all(answer.as_bytes());
                    stream.get_mut().conn.send_close_notify();
                    let _gone = stream.get_mut().flush();
                }
            }
        });
        Self { address, authority: authority.pem() }
    }
}

fn config(authority: &CertifiedIssuer<'_, KeyPair>) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
}
