//! Tests of the lines of the log, with a reader that takes a piece when the test does.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::*;

/// Each piece waits until it is taken.
struct Pipe(SyncSender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.send(piece.to_vec()).map_err(io::Error::other)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reader of a log.
struct Reader {
    pieces: Receiver<Vec<u8>>,
    left_out: Receiver<usize>,
}

impl Reader {
    fn next(&self) -> String {
        String::from_utf8(self.pieces.recv().unwrap()).unwrap()
    }

    /// Everything up to this line.
    fn up_to(&self, last: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|line| line != last) {
            let piece = self.next();
            assert!(piece.ends_with('\n'), "{piece}");
            lines.extend(piece.lines().map(ToOwned::to_owned));
        }
        lines
    }
}

/// A log, and its reader. The thread ends with the test's process.
fn log(patience: Duration) -> (Arc<Lines>, Reader) {
    let lines = Arc::new(Lines::new(patience));
    let ((pipe, pieces), (said, left_out)) = (sync_channel(0), sync_channel(8));
    let writing = Arc::clone(&lines);
    std::thread::spawn(move || writing.write_to(Pipe(pipe), |count| said.send(count).unwrap()));
    (lines, Reader { pieces, left_out })
}

const LONG: Duration = Duration::from_secs(60);

/// Waits until the thread waits for its reader.
fn until_taken(lines: &Lines) {
    while !lines.locked().lines.is_empty() {
        std::thread::yield_now();
    }
}

/// Of a request, with its number.
fn request(number: u64) -> String {
    format!("{number:0>199}\n")
}

#[test]
fn a_line_alone_is_written_at_once_and_those_that_come_meanwhile_together() {
    let (lines, reader) = log(LONG);
    lines.add(b"first\n", Urgency::Soon);
    until_taken(&lines);
    for line in ["second\n", "third\n"] {
        lines.add(line.as_bytes(), Urgency::Soon);
    }
    lines.add(b"event\n", Urgency::Now);
    assert_eq!((reader.next(), reader.next()), ("first\n".to_owned(), "second\nthird\nevent\n".to_owned()));
}

#[test]
fn lines_are_written_whole_in_pieces_that_a_pipe_takes_whole() {
    let (lines, reader) = log(LONG);
    lines.add(b"first\n", Urgency::Soon);
    until_taken(&lines);
    let long = "x".repeat(3 * MAX_PIECE_BYTES);
    let each: Vec<String> = (0..100).map(request).chain([format!("{long}\n"), "last\n".to_owned()]).collect();
    for line in &each {
        lines.add(line.as_bytes(), Urgency::Soon);
    }
    assert_eq!(reader.next(), "first\n");
    let (mut all, mut pieces) = (String::new(), 0);
    while !all.ends_with("last\n") {
        let piece = reader.next();
        assert!(piece.ends_with('\n') && (piece.len() <= MAX_PIECE_BYTES || piece == format!("{long}\n")));
        all += &piece;
        pieces += 1;
    }
    assert_eq!((all, pieces), (each.concat(), 7));
}

#[test]
fn requests_wait_for_a_reader_that_is_slow_and_none_is_left_out() {
    let (lines, reader) = log(LONG);
    let count = 3 * MAX_WAITING_BYTES / 200;
    let adding = Arc::clone(&lines);
    let requests = std::thread::spawn(move || {
        for number in 0..count {
            adding.add(request(number).as_bytes(), Urgency::Soon);
        }
    });
    let read = reader.up_to(request(count - 1).trim_end());
    requests.join().unwrap();
    assert!(read.iter().zip(0..count).all(|(line, number)| *line == request(number).trim_end()));
    assert!(reader.left_out.try_recv().is_err());
}

#[test]
fn when_the_reader_has_stopped_requests_are_left_out_and_all_other_lines_are_kept() {
    let (lines, reader) = log(Duration::ZERO);
    for number in 0..10_000 {
        lines.add(request(number).as_bytes(), Urgency::Soon);
        if number % 1_000 == 0 {
            lines.add(format!("event {number}\n").as_bytes(), Urgency::Now);
        }
    }
    lines.flush();
    lines.add(b"last event\n", Urgency::Now);
    let read = reader.up_to("last event");
    let (events, requests): (Vec<_>, Vec<_>) = read.into_iter().partition(|line| line.contains("event"));
    let expected = (0..10).map(|thousands| format!("event {}", thousands * 1_000)).chain(["last event".to_owned()]);
    assert_eq!(events, expected.collect::<Vec<_>>());
    let most = usize::try_from(MAX_WAITING_BYTES).unwrap() / 200;
    assert!((most - 100..=most + 1).contains(&requests.len()), "{}", requests.len());
    assert_eq!(reader.left_out.recv().unwrap(), 10_000 - requests.len());
    lines.add(b"read again\n", Urgency::Soon);
    assert_eq!(reader.up_to("read again"), ["read again"]);
}

#[test]
fn memory_has_an_end() {
    let (lines, reader) = log(Duration::ZERO);
    let line = [vec![b'x'; 1024 * 1024 - 1], vec![b'\n']].concat();
    for _ in 0..20 {
        lines.add(&line, Urgency::Now);
    }
    let kept = (0..16).map(|_| reader.next().len()).sum::<usize>();
    assert_eq!((kept, reader.left_out.recv().unwrap()), (16 * line.len(), 4));
    lines.add(b"read again\n", Urgency::Now);
    assert_eq!(reader.next(), "read again\n");
    lines.flush();
    assert!(lines.locked().lines.capacity() <= 4 * ENOUGH_BYTES);
}

#[test]
fn flushing_waits_until_all_is_written() {
    let (lines, reader) = log(LONG);
    lines.add(b"first\n", Urgency::Soon);
    until_taken(&lines);
    lines.add(b"second\n", Urgency::Soon);
    let reading = std::thread::spawn(move || (reader.next(), reader.next(), reader));
    lines.flush();
    assert!(!lines.locked().has(1));
    let (first, second, _reader) = reading.join().unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("first\n", "second\n"));
}

#[test]
fn what_cannot_be_written_is_counted() {
    /// Its disk is full at first.
    struct Disk(Vec<io::Result<()>>, SyncSender<Vec<u8>>);
    impl Write for Disk {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.pop().unwrap_or(Ok(()))?;
            self.1.send(piece.to_vec()).unwrap();
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Arc::new(Lines::new(LONG));
    lines.add(b"lost\nlost, too\n", Urgency::Now);
    let ((disk, written), (said, left_out)) = (sync_channel(8), sync_channel(8));
    let full = || Err(io::ErrorKind::StorageFull.into());
    let disk = Disk(vec![Err(io::ErrorKind::WouldBlock.into()), Err(io::ErrorKind::Interrupted.into()), full()], disk);
    let writing = Arc::clone(&lines);
    std::thread::spawn(move || writing.write_to(disk, |count| said.send(count).unwrap()));
    lines.flush();
    lines.add(b"written\n", Urgency::Now);
    assert_eq!((written.recv().unwrap(), left_out.recv().unwrap()), (b"written\n".to_vec(), 2));
}

#[test]
fn a_reader_that_goes_on_slowly_after_a_stop_makes_no_request_wait_until_it_has_read_most() {
    let (lines, reader) = log(LONG);
    // As after a second in which it took nothing.
    let event = request(0);
    for _ in 0..2 * MAX_WAITING_BYTES / 200 {
        lines.add(event.as_bytes(), Urgency::Now);
    }
    lines.locked().has_stopped = true;
    for _ in 0..10 {
        reader.next();
    }
    assert!(lines.locked().has_stopped && lines.locked().has(MAX_WAITING_BYTES));
    lines.add(b"left out\n", Urgency::Soon);
    while lines.locked().has(MAX_WAITING_BYTES) {
        reader.next();
    }
    lines.add(b"read again\n", Urgency::Soon);
    assert!(reader.up_to("read again").iter().all(|line| line != "left out"));
    assert_eq!(reader.left_out.recv().unwrap(), 1);
}

#[test]
fn flushing_waits_as_long_as_the_reader_goes_on() {
    let patience = Duration::from_secs(2);
    let (lines, reader) = log(patience);
    let long = [vec![b'x'; MAX_PIECE_BYTES], vec![b'\n']].concat();
    for _ in 0..5 {
        lines.add(&long, Urgency::Now);
    }
    let reading = std::thread::spawn(move || {
        for _ in 0..5 {
            std::thread::sleep(patience / 4);
            reader.next();
        }
        reader
    });
    lines.flush();
    assert!(!lines.locked().has(1), "it took longer than the reader may take nothing");
    let _reader = reading.join().unwrap();
}
