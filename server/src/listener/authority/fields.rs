//! The fields of requests as HPACK writes them, as far as it takes to find the value of `:authority`. Nothing is
//! decoded and no table is kept: a value that is in the client's table went through here when it was put there.

/// The name of the field, and its place in HPACK's static table (RFC 7541, appendix A).
const AUTHORITY: &[u8] = b":authority";
const AUTHORITY_INDEX: u8 = 1;
/// The bits of an integer's first byte, or of a string's length, and the mark of a byte that another one follows.
const LENGTH_BITS: u8 = 0x7f;
const MARK: u8 = 0x80;
/// What is left of an authority instead of a byte that does not belong.
const REPLACEMENT: u8 = b'-';

/// Where in the fields of a request the next byte is (RFC 7541, 6).
pub(super) struct Fields {
    step: Step,
    is_authority: bool,
    is_plain: bool,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Field,
    /// More of a number that does not matter, and whether a value follows it.
    Number {
        then_value: bool,
    },
    Length {
        of: Text,
    },
    MoreLength {
        of: Text,
        length: usize,
        shift: u32,
    },
    Text {
        of: Text,
        length: usize,
        left: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Name,
    Value,
}

impl Fields {
    pub(super) fn new() -> Self {
        Self { step: Step::Field, is_authority: false, is_plain: false }
    }

    /// Takes the next byte, and gives what it is replaced by, mostly itself.
    pub(super) fn take(&mut self, byte: u8) -> u8 {
        let mut replaced = byte;
        self.step = match self.step {
            Step::Field => self.begin(byte),
            Step::Number { then_value } if byte & MARK != 0 => Step::Number { then_value },
            Step::Number { then_value } => after_number(then_value),
            Step::Length { of } => {
                self.is_plain = byte & MARK == 0;
                match byte & LENGTH_BITS {
                    LENGTH_BITS => Step::MoreLength { of, length: usize::from(LENGTH_BITS), shift: 0 },
                    length => self.text(of, usize::from(length)),
                }
            }
            Step::MoreLength { of, length, shift } => {
                // Longer than any frame is refused by h2.
                let more = usize::from(byte & LENGTH_BITS).checked_shl(shift).unwrap_or(usize::MAX);
                let length = length.saturating_add(more);
                if byte & MARK != 0 {
                    Step::MoreLength { of, length, shift: shift.saturating_add(7) }
                } else {
                    self.text(of, length)
                }
            }
            Step::Text { of, length, left } => {
                match of {
                    Text::Name => self.is_authority &= AUTHORITY.get(length - left) == Some(&byte),
                    Text::Value if self.is_authority && self.is_plain && !belongs(byte) => replaced = REPLACEMENT,
                    Text::Value => {}
                }
                if left == 1 { after_text(of) } else { Step::Text { of, length, left: left - 1 } }
            }
        };
        replaced
    }

    /// The first byte of a field: what it is, and the first bits of a number.
    fn begin(&mut self, byte: u8) -> Step {
        let (bits, has_value) = match byte {
            // A field that is in the table.
            0x80.. => (0x7f, false),
            // A field that goes into the table.
            0x40.. => (0x3f, true),
            // The size of the table.
            0x20.. => (0x1f, false),
            // A field that does not go into it.
            _ => (0x0f, true),
        };
        let number = byte & bits;
        self.is_authority = number == AUTHORITY_INDEX;
        match number {
            0 if has_value => Step::Length { of: Text::Name },
            _ if number == bits => Step::Number { then_value: has_value },
            _ => after_number(has_value),
        }
    }

    fn text(&mut self, of: Text, length: usize) -> Step {
        if of == Text::Name {
            self.is_authority = self.is_plain && length == AUTHORITY.len();
        }
        if length == 0 { after_text(of) } else { Step::Text { of, length, left: length } }
    }
}

fn after_text(of: Text) -> Step {
    match of {
        Text::Name => Step::Length { of: Text::Value },
        Text::Value => Step::Field,
    }
}

fn after_number(then_value: bool) -> Step {
    if then_value { Step::Length { of: Text::Value } } else { Step::Field }
}

/// Whether a byte can be part of a name of a host.
fn belongs(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}
