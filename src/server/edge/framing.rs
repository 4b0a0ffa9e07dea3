//! Finds where requests end, so that only one is read at a time. actix-http parses the requests and
//! rejects invalid ones.

/// Finds the end of a request's head: its first blank line (RFC 9112 section 2.1), which may end in a
/// bare LF (section 2.2).
#[derive(Debug)]
pub(super) struct HeadEnd {
    /// Whether the current line is blank so far.
    blank: bool,
}

/// Finds the end of a request's body (RFC 9112 section 6.3).
#[derive(Debug)]
pub(super) enum BodyEnd {
    /// After this many more bytes.
    After(u64),
    /// At the last chunk.
    Chunked(Chunks),
}

/// The position in a chunked body (RFC 9112 section 7.1).
#[derive(Debug)]
pub(super) enum Chunks {
    /// In a chunk-size line: the size so far, and whether its digits have ended.
    Size(u64, bool),
    Data(u64),
    DataEnd,
    Trailer(HeadEnd),
    Over,
}

impl HeadEnd {
    pub(super) const fn new() -> Self {
        Self { blank: false }
    }

    /// How many of these bytes belong to the head, if it ends within them.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut length = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            length += line.len();
            let (text, ends) = match line {
                [text @ .., b'\n'] => (text, true),
                text => (text, false),
            };
            let blank = self.blank && matches!(text, [] | [b'\r']);
            self.blank = ends || blank;
            if ends && blank {
                self.blank = false;
                return Some(length);
            }
        }
        None
    }
}

impl BodyEnd {
    pub(super) const fn chunked() -> Self {
        Self::Chunked(Chunks::Size(0, false))
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::After(0) | Self::Chunked(Chunks::Over))
    }

    /// How many of these bytes belong to the body.
    pub(super) fn find(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::After(left) => {
                let length = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= length as u64;
                length
            }
            Self::Chunked(chunks) => {
                let mut rest = bytes;
                while !rest.is_empty() && !matches!(chunks, Chunks::Over) {
                    rest = chunks.step(rest);
                }
                bytes.len() - rest.len()
            }
        }
    }
}

impl Chunks {
    /// Consumes one element; returns the remaining bytes.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some((first, rest)) = bytes.split_first() else {
            return bytes;
        };
        match self {
            Self::Size(size, over) => {
                let digit = char::from(*first).to_digit(16).filter(|_| !*over);
                match (digit, *first, *size) {
                    (Some(digit), ..) => {
                        *size = size.saturating_mul(16).saturating_add(digit.into());
                    }
                    (None, b'\n', 0) => *self = Self::Trailer(HeadEnd { blank: true }),
                    (None, b'\n', size) => *self = Self::Data(size),
                    _ => *over = true,
                }
                rest
            }
            Self::Data(left) => {
                let length = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= length as u64;
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                bytes.get(length..).unwrap_or_default()
            }
            Self::DataEnd => {
                if *first == b'\n' {
                    *self = Self::Size(0, false);
                }
                rest
            }
            Self::Trailer(end) => {
                let length = end.find(bytes);
                if length.is_some() {
                    *self = Self::Over;
                }
                bytes
                    .get(length.unwrap_or(bytes.len())..)
                    .unwrap_or_default()
            }
            Self::Over => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_first_blank_line() {
        let end = |text: &str| HeadEnd::new().find(text.as_bytes());
        assert_eq!(end("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /"), Some(27));
        assert_eq!(end("GET / HTTP/1.0\n\nGET /"), Some(16));
        assert_eq!(end("GET / HTTP/1.1\r\nhost: a\r\n"), None);
        assert_eq!(end("\r\nGET / HTTP/1.1\r\n"), None);
    }

    #[test]
    fn the_end_is_the_same_when_bytes_arrive_in_pieces() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        for at in 1..head.len() {
            let (first, rest) = head.split_at(at);
            let mut end = HeadEnd::new();
            assert_eq!(end.find(first), None, "{at}");
            assert_eq!(end.find(rest), Some(rest.len()), "{at}");
        }
        let body = b"5;x=\"1\"\r\n12\r\n3\r\nA\r\n0123456789\r\n0\r\na: b\r\n\r\n";
        for at in 1..body.len() {
            let (first, rest) = body.split_at(at);
            let mut end = BodyEnd::chunked();
            assert_eq!(end.find(first), at);
            assert!(!end.is_over(), "{at}");
            assert_eq!(end.find(&[rest, b"GET /"].concat()), rest.len(), "{at}");
            assert!(end.is_over());
        }
    }

    #[test]
    fn a_body_of_a_known_length_ends_after_it() {
        let mut end = BodyEnd::After(5);
        assert_eq!(end.find(b"123"), 3);
        assert!(!end.is_over());
        assert_eq!(end.find(b"45GET /"), 2);
        assert!(end.is_over());
        assert_eq!(end.find(b"GET /"), 0);
    }
}
