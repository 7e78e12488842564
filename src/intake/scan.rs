//! Where an entry of the list ends, told from brackets and quotes alone.

/// An entry in which more lists and objects stand in each other is none to this scan: how deep they may is for the reader of the body to say.
pub(super) const MAX_DEPTH: usize = 16;

/// Looks for the end of an entry that stands behind another one: `, {…}`.
#[derive(Default)]
pub(super) struct Scan {
    /// How far it has come.
    pub at: usize,
    has_comma: bool,
    begin: Option<usize>,
    /// How many lists and objects are open.
    depth: usize,
    in_text: bool,
}

/// What stands there.
pub(super) enum Seen {
    /// An entry, as far as brackets and quotes say. It ends where the scan has come to.
    Entry { begin: usize },
    /// What may become an entry.
    Beginning,
    /// Something else.
    Other,
}

impl Scan {
    /// Goes on through the same bytes, of which there may be more than before.
    pub fn over(&mut self, bytes: &[u8]) -> Seen {
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            if self.in_text {
                match byte {
                    b'"' => self.in_text = false,
                    b'\\' => self.at += 1,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' if self.depth > 0 => self.in_text = true,
                b'{' | b'[' if self.depth > 0 => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Seen::Other;
                    }
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if let (0, Some(begin)) = (self.depth, self.begin) {
                        return Seen::Entry { begin };
                    }
                }
                _ if self.depth > 0 => {}
                b' ' | b'\n' | b'\r' | b'\t' => {}
                b',' if !self.has_comma => self.has_comma = true,
                b'{' if self.has_comma => {
                    self.begin = Some(self.at - 1);
                    self.depth = 1;
                }
                _ => return Seen::Other,
            }
        }
        Seen::Beginning
    }
}
