//! The frames of HTTP/2 as they come in, as far as it takes to know which of their bytes are fields of requests.

use super::fields::Fields;

/// The preface of HTTP/2 (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;
/// The head of a frame: three bytes of length, then its type, its flags and its stream (RFC 9113, 4.1).
const HEAD_BYTES: usize = 9;
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// What a priority takes before the fields.
const PRIORITY_BYTES: usize = 5;

/// Where in the frames of a connection the next byte is.
pub(super) struct Frames {
    place: Place,
    fields: Fields,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Preface {
        left: usize,
    },
    Head {
        read: usize,
        bytes: [u8; HEAD_BYTES],
    },
    /// The length of the padding comes first.
    Padding {
        left: usize,
        is_prioritised: bool,
    },
    /// Bytes to pass over, bytes of fields, bytes to pass over.
    Payload {
        before: usize,
        fields: usize,
        after: usize,
    },
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { place: Place::Preface { left: PREFACE_BYTES }, fields: Fields::new() }
    }

    /// Takes the next bytes, and replaces those that do not belong.
    pub(super) fn take(&mut self, mut bytes: &mut [u8]) {
        while let Some(first) = bytes.first().copied() {
            let used = match &mut self.place {
                Place::Preface { left } => {
                    let used = bytes.len().min(*left);
                    *left -= used;
                    if *left == 0 {
                        self.place = HEAD;
                    }
                    used
                }
                Place::Head { read, bytes: head } => {
                    head[*read] = first;
                    *read += 1;
                    if *read == HEAD_BYTES {
                        self.place = payload(head);
                    }
                    1
                }
                Place::Padding { left, is_prioritised } => {
                    self.place = padded(*left - 1, usize::from(first), *is_prioritised);
                    1
                }
                Place::Payload { before: 0, fields: 0, after: 0 } => {
                    self.place = HEAD;
                    0
                }
                Place::Payload { before: 0, fields: 0, after: left } | Place::Payload { before: left @ 1.., .. } => {
                    let used = bytes.len().min(*left);
                    *left -= used;
                    used
                }
                Place::Payload { fields, .. } => {
                    let used = bytes.len().min(*fields);
                    *fields -= used;
                    bytes[..used].iter_mut().for_each(|byte| *byte = self.fields.take(*byte));
                    used
                }
            };
            bytes = &mut bytes[used..];
        }
    }
}

const HEAD: Place = Place::Head { read: 0, bytes: [0; HEAD_BYTES] };

/// What follows the head of a frame.
fn payload(&[high, middle, low, kind, flags, ..]: &[u8; HEAD_BYTES]) -> Place {
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    let is_prioritised = flags & PRIORITY != 0;
    match kind {
        HEADERS if flags & PADDED != 0 && length > 0 => Place::Padding { left: length, is_prioritised },
        HEADERS => padded(length, 0, is_prioritised),
        CONTINUATION => Place::Payload { before: 0, fields: length, after: 0 },
        _ => Place::Payload { before: length, fields: 0, after: 0 },
    }
}

/// The payload of a frame with fields. What does not add up is refused by h2.
fn padded(length: usize, padding: usize, is_prioritised: bool) -> Place {
    let before = if is_prioritised { PRIORITY_BYTES.min(length) } else { 0 };
    let after = padding.min(length - before);
    Place::Payload { before, fields: length - before - after, after }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &[u8] = b"tmp%2Fa.b_c-d%2Fx.sock";
    const HOST: &[u8] = b"tmp-2Fa.b_c-d-2Fx.sock";

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let [.., high, middle, low] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[high, middle, low, kind, flags, 0, 0, 0, 1][..], payload].concat()
    }

    /// A connection whose first request has these fields, as pyarrow sends them: a path that looks like an authority
    /// before, and a field of its own after it.
    fn connection(authority: &[u8]) -> Vec<u8> {
        let length = u8::try_from(authority.len()).unwrap();
        let long = [b"a%2F".repeat(100), PATH.to_vec()].concat();
        let fields: Vec<u8> = [
            &[0x83, 0x86, 0x44, 0x04][..],
            b"/%2F",
            b"\x40\x0a:authority",
            &[length],
            authority,
            // A literal of more than 127 bytes, whose name is in the table, and one that is never indexed.
            &[0x0f, 0x2f, 0x7f, 0xa7, 0x02][..],
            &long[..422],
            b"\x10\x0a:authoritx\x16",
            PATH,
        ]
        .concat();
        // An authority whose name is in the static table, after a change of the table's size.
        let more: Vec<u8> = [&[0x3f, 0xe1, 0x1f, 0x41, length][..], authority].concat();
        let (start, rest) = fields.split_at(30);
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(0x4, 0, b"%%%%%%"),
            frame(HEADERS, 0, start),
            frame(CONTINUATION, 0x4, rest),
            frame(0x0, 0, b"\x40\x0a:authority\x04%2F%"),
            frame(HEADERS, PADDED | PRIORITY | 0x4, &[&[2][..], b"%%%%%", &more, b"%%"].concat()),
            frame(0x6, 0, &[]),
            frame(HEADERS, 0x4, &[0xbe]),
            frame(0x0, 0, b"%"),
        ]
        .concat()
    }

    fn taken(bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut frames = Frames::new();
        let mut bytes = bytes.to_vec();
        bytes.chunks_mut(piece).for_each(|piece| frames.take(piece));
        bytes
    }

    #[test]
    fn a_path_becomes_a_host_and_nothing_else_changes_however_it_is_cut() {
        let sent = connection(PATH);
        for piece in [1, 2, 3, 7, 10, 64, sent.len()] {
            assert!(taken(&sent, piece) == connection(HOST), "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn a_host_stays_as_it_is() {
        let sent = connection(b"localhost");
        assert!(taken(&sent, sent.len()) == sent);
    }

    #[test]
    fn a_path_in_huffman_coding_stays_as_it_is() {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let sent = [preface, frame(HEADERS, 0x4, b"\x41\x83%%%\x40\x8a:authority\x03%%%")].concat();
        assert!(taken(&sent, 5) == sent);
    }

    #[test]
    fn whatever_is_sent_is_taken() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(300).collect();
            // A frame of fields that are nonsense, and whatever comes after it.
            let fields = frame(HEADERS, random.u8(..), &noise[..random.usize(..80)]);
            let bytes = [&noise[..PREFACE_BYTES], &fields, &noise].concat();
            let taken = taken(&bytes, random.usize(1..40));
            assert_eq!(taken.len(), bytes.len());
        }
    }
}
