//! The body as it is read: within its bounds, byte by byte for who must understand it, or an entry of the list at once for who need not yet.
//!
//! A reader of JSON that reads from a stream takes one byte at a time, which costs several times what reading from memory does. Entries are
//! nearly all of a body, and where one ends can be told from brackets and quotes alone. So they are taken out of the stream unread, and
//! read elsewhere. Whatever looks odd is left in the stream, so that there is one judge of what is JSON.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use sha2::Sha256;

use super::json::Since;
use super::place::Place;
use super::scan::{Scan, Seen};

/// Most bytes of one entry, or of one unknown value between entries. The largest entry that breaks no rule (1,000 roles of 64 characters,
/// each written as two `\u` escapes) is below 1 MiB.
const MAX_ENTRY: u64 = 4 * 1024 * 1024;
/// A larger entry is read where it is, so that no more than this is held of it.
const MAX_TAKEN: usize = 64 * 1024;

/// A body that comes in chunks, none of them empty.
pub(super) struct Source<'a> {
    unread: RefCell<Unread<'a>>,
    /// Reset by who reads, whenever an entry is done with.
    pub since: Since,
}

struct Unread<'a> {
    chunks: &'a mut dyn Iterator<Item = io::Result<Vec<u8>>>,
    /// What has come and not all been read yet.
    bytes: Vec<u8>,
    /// How much of it has been read or taken.
    at: usize,
    /// How much the body may still have.
    left: u64,
    since: Since,
    /// Of all that has come.
    hash: Option<Sha256>,
    /// Why nothing more comes, to be told once all that has come is read.
    failed: Option<Failure>,
    /// What was told of a bound that is exceeded.
    exceeded: Option<String>,
    /// Bytes read or taken.
    position: u64,
    /// Where the next byte stands, and where it seems to stand to who knows only of what was read.
    place: Place,
    seeming: Place,
    /// The two, as they were when the last entry had been taken.
    resumed: (Place, Place),
}

enum Failure {
    Broken(io::Error),
    TooLarge(String),
}

/// What the body came to.
pub(super) struct Spent {
    /// A bound that it exceeded.
    pub exceeded: Option<String>,
    /// Of the body, if it was wanted and the body was read whole.
    pub hash: Option<Sha256>,
}

impl<'a> Source<'a> {
    pub fn new(chunks: &'a mut dyn Iterator<Item = io::Result<Vec<u8>>>, max_body: u64, hash: Option<Sha256>) -> Self {
        let since = Since::default();
        let unread = Unread {
            chunks,
            bytes: Vec::new(),
            at: 0,
            left: max_body,
            since: Rc::clone(&since),
            hash,
            failed: None,
            exceeded: None,
            position: 0,
            place: Place::START,
            seeming: Place::START,
            resumed: (Place::START, Place::START),
        };
        Self { unread: RefCell::new(unread), since }
    }

    /// Bytes read or taken.
    pub fn position(&self) -> u64 {
        self.unread.borrow().position
    }

    /// Takes the next entry of the list, an object, behind `text`, and says where it begins. `None` if the next is to be read. The reader of
    /// the body must stand behind an object of the list.
    pub fn take_entry(&self, text: &mut Vec<u8>) -> Option<Place> {
        self.unread.borrow_mut().take_entry(text)
    }

    /// Where a place is that the reader of the body tells of.
    pub fn place_of(&self, seeming: Place) -> Place {
        let (place, resumed) = self.unread.borrow().resumed;
        seeming.moved(resumed, place)
    }

    pub fn end(self) -> Spent {
        let unread = self.unread.into_inner();
        Spent { exceeded: unread.exceeded, hash: unread.hash }
    }
}

impl Unread<'_> {
    /// Waits for more of the body; `false` if nothing more comes.
    fn more(&mut self) -> bool {
        if self.failed.is_some() {
            return false;
        }
        match self.chunks.next() {
            None => return false,
            Some(Err(error)) => self.failed = Some(Failure::Broken(error)),
            Some(Ok(chunk)) => {
                if let Some(hash) = &mut self.hash {
                    sha2::Digest::update(hash, &chunk);
                }
                self.failed = self.account_for(chunk.len() as u64).err().map(Failure::TooLarge);
                if self.failed.is_none() {
                    self.keep(chunk);
                }
            }
        }
        self.failed.is_none()
    }

    fn account_for(&mut self, length: u64) -> Result<(), String> {
        let left = self.left.checked_sub(length);
        self.left = left.ok_or("the body is larger than allowed when inflated (api.max_body); nothing was changed")?;
        let since = self.since.get() + length;
        self.since.set(since);
        if since > MAX_ENTRY {
            return Err(format!("one value of the body is larger than {} MiB; nothing was changed", MAX_ENTRY >> 20));
        }
        Ok(())
    }

    fn keep(&mut self, chunk: Vec<u8>) {
        if self.at == self.bytes.len() {
            self.bytes = chunk;
        } else {
            self.bytes.drain(..self.at);
            self.bytes.extend_from_slice(&chunk);
        }
        self.at = 0;
    }

    fn take_entry(&mut self, text: &mut Vec<u8>) -> Option<Place> {
        let mut scan = Scan::default();
        let begin = loop {
            match scan.over(&self.bytes[self.at..]) {
                Seen::Entry { begin } => break begin,
                Seen::Beginning if self.bytes.len() - self.at < MAX_TAKEN && self.more() => {}
                Seen::Beginning | Seen::Other => return None,
            }
        };
        let (separators, entry) = self.bytes[self.at..self.at + scan.at].split_at(begin);
        self.place.pass(separators);
        let place = self.place;
        self.place.pass(entry);
        text.extend_from_slice(entry);
        self.at += scan.at;
        self.position += scan.at as u64;
        self.resumed = (self.place, self.seeming);
        Some(place)
    }
}

impl Read for &Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut unread = self.unread.borrow_mut();
        let unread = &mut *unread;
        if unread.at == unread.bytes.len() && !unread.more() {
            return match unread.failed.take() {
                None => Ok(0),
                Some(Failure::Broken(error)) => Err(error),
                Some(Failure::TooLarge(message)) => {
                    unread.exceeded = Some(message);
                    Err(io::ErrorKind::FileTooLarge.into())
                }
            };
        }
        let length = buffer.len().min(unread.bytes.len() - unread.at);
        let read = &unread.bytes[unread.at..unread.at + length];
        buffer[..length].copy_from_slice(read);
        unread.place.pass(read);
        unread.seeming.pass(read);
        unread.at += length;
        unread.position += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::MAX_DEPTH;
    use super::*;

    /// The entries that are taken from behind the first `read` bytes, and what is left.
    fn taken(body: &str, chunk: usize, read: usize) -> (Vec<String>, String) {
        let mut chunks = body.as_bytes().chunks(chunk).map(|chunk| Ok(chunk.to_vec()));
        let source = Source::new(&mut chunks, 1 << 20, None);
        (&source).take(read as u64).read_to_end(&mut Vec::new()).unwrap();
        let mut entries = Vec::new();
        let mut text = Vec::new();
        while source.take_entry(&mut text).is_some() {
            entries.push(String::from_utf8(std::mem::take(&mut text)).unwrap());
        }
        let mut rest = String::new();
        (&source).read_to_string(&mut rest).unwrap();
        (entries, rest)
    }

    #[test]
    fn entries_are_taken_as_long_as_they_look_like_some() {
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        for (behind, entries, rest) in [
            ("]}", vec![], "]}"),
            (",{}]}", vec!["{}"], "]}"),
            (" ,\n{\"a\":[1,{}]} , {\"b\":2}\t]", vec!["{\"a\":[1,{}]}", "{\"b\":2}"], "\t]"),
            (r#",{"a":"}\"]\\"},{}"#, vec![r#"{"a":"}\"]\\"}"#, "{}"], ""),
            (",{},1,{}", vec!["{}"], ",1,{}"),
            (",{},,{}", vec!["{}"], ",,{}"),
            ("{}", vec![], "{}"),
            (",{\"a\":\"}", vec![], ",{\"a\":\"}"),
            (",{\"a\":\"\\", vec![], ",{\"a\":\"\\"),
            (&format!(",{{\"a\":{deep}}}"), vec![], &format!(",{{\"a\":{deep}}}")),
        ] {
            for chunk in [1, 2, 3, 7, 1000] {
                let (found, left) = taken(&format!("[{{}}{behind}"), chunk, 3);
                assert_eq!(
                    (found, left.as_str()),
                    (entries.iter().map(ToString::to_string).collect(), rest),
                    "{behind} by {chunk}"
                );
            }
        }
    }

    #[test]
    fn a_large_entry_is_left_to_be_read() {
        let large = format!(",{{\"a\":\"{}\"}}", "x".repeat(2 * MAX_TAKEN));
        assert_eq!(taken(&format!("[{{}}{large}"), 1000, 3), (vec![], large));
    }

    #[test]
    fn places_are_those_of_the_whole_body() {
        let mut chunks = std::iter::once(Ok(b"[{}\n,{\n},\n {} x\ny".to_vec()));
        let source = Source::new(&mut chunks, 1 << 20, None);
        (&source).read_exact(&mut [0; 3]).unwrap();
        let mut text = Vec::new();
        let begins = [source.take_entry(&mut text), source.take_entry(&mut text)];
        assert_eq!(begins, [Some(Place { line: 2, column: 1 }), Some(Place { line: 4, column: 1 })]);
        // Who read "[{}" and then " x" takes the latter for columns 4 and 5 of the first line.
        (&source).read_exact(&mut [0; 2]).unwrap();
        assert_eq!(source.place_of(Place { line: 1, column: 5 }), Place { line: 4, column: 5 });
        assert_eq!(source.place_of(Place { line: 2, column: 1 }), Place { line: 5, column: 1 });
    }

    #[test]
    fn what_has_come_is_read_before_it_is_told_why_no_more_comes() {
        let mut chunks = [Ok(b"[{},{\"a\"".to_vec()), Err(io::ErrorKind::ConnectionAborted.into())].into_iter();
        let source = Source::new(&mut chunks, 1 << 20, None);
        (&source).read_exact(&mut [0; 3]).unwrap();
        assert!(source.take_entry(&mut Vec::new()).is_none());
        (&source).read_exact(&mut [0; 5]).unwrap();
        assert_eq!((&source).read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        let mut chunks = [Ok(b"[{},{\"a\"".to_vec()), Ok(vec![b' '; 10])].into_iter();
        let source = Source::new(&mut chunks, 10, None);
        (&source).read_exact(&mut [0; 3]).unwrap();
        assert!(source.take_entry(&mut Vec::new()).is_none());
        (&source).read_exact(&mut [0; 5]).unwrap();
        assert!((&source).read(&mut [0]).is_err());
        assert!(source.end().exceeded.unwrap().contains("api.max_body"));
    }
}
