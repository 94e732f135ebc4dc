//! A load balancer that loses its state: open connections stay open, but nothing passes through them any more. New ones
//! work. It can also cut a connection instead of passing on a response.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// It, in front of a server on this machine; every connection ends when it is dropped.
pub struct Forgetful {
    pub port: u16,
    passages: Arc<Mutex<Vec<Passage>>>,
    cut_at: Arc<Mutex<Option<Vec<u8>>>>,
}

struct Passage {
    is_forgotten: Arc<AtomicBool>,
    ends: [TcpStream; 2],
}

impl Forgetful {
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let passages: Arc<Mutex<Vec<Passage>>> = Arc::default();
        let cut_at: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
        let forgetful = Self {
            port: listener.local_addr().unwrap().port(),
            passages: Arc::clone(&passages),
            cut_at: Arc::clone(&cut_at),
        };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
                let passage = Passage {
                    is_forgotten: Arc::default(),
                    ends: [client.try_clone().unwrap(), server.try_clone().unwrap()],
                };
                for (from, to, cut_at) in [(&client, &server, None), (&server, &client, Some(&cut_at))] {
                    let (from, to, cut_at) = (from.try_clone().unwrap(), to.try_clone().unwrap(), cut_at.cloned());
                    let is_forgotten = Arc::clone(&passage.is_forgotten);
                    std::thread::spawn(move || pass(from, to, &is_forgotten, cut_at.as_deref()));
                }
                passages.lock().unwrap().push(passage);
            }
        });
        forgetful
    }

    /// What is connected now is forgotten; returns how many connections that were.
    pub fn forget(&self) -> usize {
        let passages = self.passages.lock().unwrap();
        passages.iter().for_each(|passage| passage.is_forgotten.store(true, Ordering::SeqCst));
        passages.len()
    }

    /// Cuts the next connection whose server sends this, and does not pass it on.
    pub fn cut_at(&self, sent: &[u8]) {
        *self.cut_at.lock().unwrap() = Some(sent.to_vec());
    }

    /// Whether that has happened.
    pub fn has_cut(&self) -> bool {
        self.cut_at.lock().unwrap().is_none()
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        for end in self.passages.lock().unwrap().iter().flat_map(|passage| &passage.ends) {
            let _has_ended = end.shutdown(Shutdown::Both);
        }
    }
}

/// Data on forgotten connections is read and dropped, so that the sender's kernel notices nothing.
fn pass(mut from: TcpStream, mut to: TcpStream, is_forgotten: &AtomicBool, cut_at: Option<&Mutex<Option<Vec<u8>>>>) {
    let mut buffer = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let has = |sent: &mut Vec<u8>| buffer[..count].windows(sent.len()).any(|part| part == sent);
        if cut_at.is_some_and(|cut_at| cut_at.lock().unwrap().take_if(has).is_some()) {
            let _has_ended = from.shutdown(Shutdown::Both);
            break;
        }
        if !is_forgotten.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    if !is_forgotten.load(Ordering::SeqCst) {
        let _has_ended = to.shutdown(Shutdown::Both);
    }
}
