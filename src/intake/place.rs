//! Where something stands in a body.

/// A line from 1, and how many bytes of it come before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    pub const START: Self = Self { line: 1, column: 0 };

    /// Goes on over these bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        // Nearly always there is none, which is quickly seen.
        if !bytes.contains(&b'\n') {
            self.column += bytes.len();
            return;
        }
        let mut lines = bytes.rsplit(|byte| *byte == b'\n');
        self.column = lines.next().map_or(0, <[u8]>::len);
        self.line += lines.count();
    }

    /// This place, if what comes from `from` on comes from `to` on.
    pub fn moved(self, from: Self, to: Self) -> Self {
        let column = if self.line == from.line { to.column + self.column.saturating_sub(from.column) } else { self.column };
        Self { line: to.line + self.line.saturating_sub(from.line), column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted() {
        let mut place = Place::START;
        place.pass(b"ab");
        assert_eq!(place, Place { line: 1, column: 2 });
        place.pass(b"c\n\nde");
        assert_eq!(place, Place { line: 3, column: 2 });
        place.pass(b"\n");
        assert_eq!(place, Place { line: 4, column: 0 });
    }
}
