//! Templates for numbers, and what they are made of.

use super::super::error::{ValueError, ValueResult};
use super::date_template::quote;
use super::{Letters, SYNTAX_ERROR, check_length};

/// A parsed template of `to_char` for numbers and of `to_number`.
#[derive(Debug, Clone)]
pub(crate) struct NumberTemplate {
    pub(super) nodes: Vec<Node>,
    pub(super) shape: Shape,
}

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Pattern(Pattern),
    /// A character that stands for itself.
    Character(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `,`
    Comma,
    /// `.` and `D`, which are the same in the C locale.
    Point,
    /// `0`
    Zero,
    /// `9`
    Nine,
    /// `B`
    Blank,
    /// `EEEE`
    Exponent,
    /// `FM`
    Fill,
    /// `G`, which is a comma in the C locale.
    GroupSeparator,
    /// `L`, which is a space in the C locale.
    Currency,
    /// `MI`
    Minus,
    /// `PL`
    Plus,
    /// `PR`
    Brackets,
    /// `RN`
    Roman(Letters),
    /// `SG`
    PlusOrMinus,
    /// `S`
    Sign,
    /// `TH`
    Ordinal(Letters),
    /// `V`
    Shift,
    /// `C` and `SP`, which do nothing.
    Ignored,
}

/// Where the sign of `S` is, which clings to the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnchoredSign {
    /// Before the number; there were that many digits before the `S`.
    Before(usize),
    After,
}

/// What the patterns of a template say together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    /// Digits before the decimal point.
    pub(super) whole: usize,
    /// Digits after it.
    pub(super) fraction: usize,
    /// Digits after `V`.
    pub(super) shift: usize,
    /// How many digits there are before the first `0`, if there is one before the decimal point.
    pub(super) first_zero: Option<usize>,
    /// How many digits there are up to the last `0`, itself included.
    pub(super) last_zero: usize,
    pub(super) sign: Option<AnchoredSign>,
    pub(super) point: bool,
    pub(super) shifts: bool,
    pub(super) fill: bool,
    pub(super) blank: bool,
    pub(super) brackets: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) exponent: bool,
}

static PATTERNS: [(&str, Pattern); 36] = [
    (",", Pattern::Comma),
    (".", Pattern::Point),
    ("0", Pattern::Zero),
    ("9", Pattern::Nine),
    ("B", Pattern::Blank),
    ("C", Pattern::Ignored),
    ("D", Pattern::Point),
    ("EEEE", Pattern::Exponent),
    ("FM", Pattern::Fill),
    ("G", Pattern::GroupSeparator),
    ("L", Pattern::Currency),
    ("MI", Pattern::Minus),
    ("PL", Pattern::Plus),
    ("PR", Pattern::Brackets),
    ("RN", Pattern::Roman(Letters::Upper)),
    ("SG", Pattern::PlusOrMinus),
    ("SP", Pattern::Ignored),
    ("S", Pattern::Sign),
    ("TH", Pattern::Ordinal(Letters::Upper)),
    ("V", Pattern::Shift),
    ("b", Pattern::Blank),
    ("c", Pattern::Ignored),
    ("d", Pattern::Point),
    ("eeee", Pattern::Exponent),
    ("fm", Pattern::Fill),
    ("g", Pattern::GroupSeparator),
    ("l", Pattern::Currency),
    ("mi", Pattern::Minus),
    ("pl", Pattern::Plus),
    ("pr", Pattern::Brackets),
    ("rn", Pattern::Roman(Letters::Lower)),
    ("sg", Pattern::PlusOrMinus),
    ("sp", Pattern::Ignored),
    ("s", Pattern::Sign),
    ("th", Pattern::Ordinal(Letters::Lower)),
    ("v", Pattern::Shift),
];

impl NumberTemplate {
    /// Refuses patterns that do not go together.
    pub(crate) fn parse(template: &str) -> ValueResult<Self> {
        check_length(template)?;
        let mut nodes = Vec::new();
        let mut shape = Shape::default();
        let mut rest = template;
        while !rest.is_empty() {
            let pattern = PATTERNS.iter().find_map(|(name, pattern)| Some((*pattern, rest.strip_prefix(name)?)));
            if let Some((pattern, after)) = pattern {
                shape.add(pattern).map_err(|message| ValueError::new(SYNTAX_ERROR, message))?;
                nodes.push(Node::Pattern(pattern));
                rest = after;
            } else if let Some(quoted) = rest.strip_prefix('"') {
                rest = quote(quoted, |character| nodes.push(Node::Character(character)));
            } else {
                let mut characters = rest.chars();
                let mut character = characters.next();
                if character == Some('\\') && characters.as_str().starts_with('"') {
                    character = characters.next();
                }
                rest = characters.as_str();
                nodes.extend(character.map(Node::Character));
            }
        }
        Ok(Self { nodes, shape })
    }
}

impl Shape {
    fn add(&mut self, pattern: Pattern) -> Result<(), &'static str> {
        if self.exponent && pattern != Pattern::Exponent {
            return Err("\"EEEE\" must be the last pattern used");
        }
        match pattern {
            Pattern::Nine if self.brackets => return Err("\"9\" must be ahead of \"PR\""),
            Pattern::Nine if self.shifts => self.shift += 1,
            Pattern::Nine if self.point => self.fraction += 1,
            Pattern::Nine => self.whole += 1,
            Pattern::Zero => self.add_zero()?,
            Pattern::Blank => self.blank |= self.whole == 0 && self.fraction == 0 && self.first_zero.is_none(),
            Pattern::Point if self.point => return Err("multiple decimal points"),
            Pattern::Point if self.shifts => return Err("cannot use \"V\" and decimal point together"),
            Pattern::Point => self.point = true,
            Pattern::Fill => self.fill = true,
            Pattern::Sign => self.add_sign()?,
            Pattern::Minus if self.sign.is_some() => return Err("cannot use \"S\" and \"MI\" together"),
            Pattern::Minus => self.minus = true,
            Pattern::Plus if self.sign.is_some() => return Err("cannot use \"S\" and \"PL\" together"),
            Pattern::Plus => self.plus = true,
            Pattern::PlusOrMinus if self.sign.is_some() => return Err("cannot use \"S\" and \"SG\" together"),
            Pattern::PlusOrMinus => {
                self.minus = true;
                self.plus = true;
            }
            Pattern::Brackets if self.sign.is_some() || self.plus || self.minus => {
                return Err("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together");
            }
            Pattern::Brackets => self.brackets = true,
            Pattern::Roman(_) if self.roman => return Err("cannot use \"RN\" twice"),
            Pattern::Roman(_) => self.roman = true,
            Pattern::Shift if self.point => return Err("cannot use \"V\" and decimal point together"),
            Pattern::Shift => self.shifts = true,
            Pattern::Exponent if self.exponent => return Err("cannot use \"EEEE\" twice"),
            Pattern::Exponent if self.fill || self.roman || self.is_more_than_digits() => {
                return Err("\"EEEE\" is incompatible with other formats");
            }
            Pattern::Exponent => self.exponent = true,
            Pattern::Comma | Pattern::GroupSeparator | Pattern::Currency | Pattern::Ordinal(_) | Pattern::Ignored => {}
        }
        let is_zero_or_point = self.first_zero.is_some() || self.point;
        if self.roman && (is_zero_or_point || self.exponent || self.is_more_than_digits()) {
            return Err("\"RN\" is incompatible with other formats");
        }
        Ok(())
    }

    fn is_more_than_digits(&self) -> bool {
        self.blank || self.sign.is_some() || self.brackets || self.minus || self.plus || self.shifts
    }

    fn add_zero(&mut self) -> Result<(), &'static str> {
        if self.brackets {
            return Err("\"0\" must be ahead of \"PR\"");
        }
        if self.point {
            self.fraction += 1;
        } else {
            self.first_zero.get_or_insert(self.whole);
            self.whole += 1;
        }
        self.last_zero = self.whole + self.fraction;
        Ok(())
    }

    fn add_sign(&mut self) -> Result<(), &'static str> {
        if self.sign.is_some() {
            return Err("cannot use \"S\" twice");
        }
        if self.plus || self.minus || self.brackets {
            return Err("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together");
        }
        self.sign = Some(if self.point { AnchoredSign::After } else { AnchoredSign::Before(self.whole) });
        Ok(())
    }
}
