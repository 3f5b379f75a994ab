//! The order of glibc's locales, as `strcoll` of glibc 2.28 and later has it, of which the table of weights
//! (`iso14651_t1`) has not changed since. About half of its locales order by that table as it is, among them those of
//! English, German, French, Italian, Portuguese, Dutch, Russian and Greek; the others change it, and are refused.
//!
//! A text has a list of weights on each of four levels, and the levels are compared one by one. Blanks and most
//! marks have weights on the fourth alone, which is why `a c` comes behind `ab`. A character that the
//! table does not have (all of Hangul, Han beyond Unicode 1) weighs as much as any other such of the same length.
//!
//! Two things are not mere concatenation. On the second level a run of characters of the table's first section, where
//! marks, digits and punctuation are, is read from behind; and on the fourth a weight tells how many characters without
//! one stand before it.

use std::collections::HashMap;
use std::sync::LazyLock;

use rail_forge_connectors::Collation;

/// Weights, measured: made by `make_glibc_table.py`, beside this file, from what `strxfrm` of an installed glibc (2.36,
/// `en_US.utf8`) gives for every character.
static TABLE: &[u8] = include_bytes!("glibc.bin");

/// The first version with the table.
const FIRST_VERSION: (u32, u32) = (2, 28);

/// Languages and countries whose locales order by the table as it is.
const UNTAILORED: &str = include_str!("glibc_locales.txt");

const LEVELS: usize = 4;
const LEVEL_SEPARATOR: u8 = 1;
/// Before a position that is not the next: more than any weight begins with.
const LATER: u8 = 0xFF;
/// In the length of the second level.
const BACKWARD: u8 = 0x80;
const ASCII_CHARS: usize = 128;
const PAGE_BITS: u32 = 8;
const PAGE_CHARS: usize = 1 << PAGE_BITS;
const PAGES: usize = 0x11_0000 >> PAGE_BITS;

/// Characters of Han that the table has, which weigh one more each.
const HAN: std::ops::RangeInclusive<u32> = 0x4E00..=0x9FA5;
const FIRST_HAN_WEIGHT: u32 = 0x3A7D;

/// What a byte weighs on the fourth level that is of a character that the table does not have.
const UNKNOWN_WEIGHT: &[u8] = &[3];

/// The rules of a locale of glibc, or why they are not had.
pub(super) fn rules(description: &Collation) -> Result<&'static Glibc, String> {
    let Collation { locale, version, .. } = description;
    let version = version.as_deref().unwrap_or("unknown");
    if numbers(version).is_none_or(|version| version < FIRST_VERSION) {
        return Err(format!("is of the version {version} of glibc, and only 2.28 and later are known"));
    }
    // The encoding is the database's, and a modifier names one, or a currency, unless it is listed with its locale.
    let (name, modifier) = locale.split_once('@').unwrap_or((locale, ""));
    let name = name.split('.').next().unwrap_or(name);
    let known = |name: &str| UNTAILORED.lines().any(|line| line == name);
    if known(&format!("{name}@{modifier}")) || (modifier.is_empty() && known(name)) {
        Ok(&GLIBC)
    } else {
        Err(format!("has the locale \"{locale}\" of libc, whose order is not known"))
    }
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

static GLIBC: LazyLock<Glibc> = LazyLock::new(Glibc::read);

/// The table, with a way to each character.
#[derive(Debug)]
pub(super) struct Glibc {
    /// Where the pages of characters are in `places`; the first page is of those that the table does not have.
    pages: Vec<u16>,
    /// Where a character's element is in the table; 0 for one that it does not have.
    places: Vec<u32>,
    /// Elements of several characters, by the first of them, the longest first.
    sequences: HashMap<char, Vec<(Vec<char>, u32)>>,
    /// The weights of characters of ASCII, but for those (digits) that the second level has and reads from behind.
    plain: [Option<[&'static [u8]; LEVELS]>; ASCII_CHARS],
}

/// What a character, several, or a byte of one weigh.
enum Element {
    /// By its place in the table: how long its weights are on each level, and the weights.
    Known(u32),
    /// By its weight.
    Han(u32),
    UnknownByte,
}

impl Glibc {
    fn read() -> Self {
        let mut reader = Reader { at: 0 };
        let (pages, places) = (vec![0; PAGES], vec![0; PAGE_CHARS]);
        let mut read = Self { pages, places, sequences: HashMap::new(), plain: [None; ASCII_CHARS] };
        let mut character = 0;
        loop {
            match reader.number() {
                0 => break,
                gap => character += gap,
            }
            let place = reader.element();
            let page = &mut read.pages[(character >> PAGE_BITS) as usize];
            if *page == 0 {
                *page = (read.places.len() / PAGE_CHARS) as u16;
                read.places.resize(read.places.len() + PAGE_CHARS, 0);
            }
            read.places[usize::from(*page) * PAGE_CHARS + character as usize % PAGE_CHARS] = place;
        }
        for _ in 0..reader.number() {
            let length = reader.number();
            let mut characters = (0..length).filter_map(|_| char::from_u32(reader.number())).collect::<Vec<_>>();
            let place = reader.element();
            let first = characters.remove(0);
            read.sequences.entry(first).or_default().push((characters, place));
        }
        for sequences in read.sequences.values_mut() {
            sequences.sort_by_key(|(rest, _)| std::cmp::Reverse(rest.len()));
        }
        for code in 0..ASCII_CHARS as u8 {
            let mut elements = vec![];
            read.push(char::from(code), &mut elements);
            if let [element] = elements.as_slice() {
                let [first, second, third, fourth] = std::array::from_fn(|level| element.level(level));
                let is_plain = (second.is_empty() || !element.is_backward()) && !fourth.is_empty();
                read.plain[usize::from(code)] = is_plain.then_some([first, second, third, fourth]);
            }
        }
        read
    }

    /// Appends a key whose bytes sort as `strcoll` compares.
    pub(super) fn sort_key(&self, text: &str, key: &mut Vec<u8>) {
        if self.plain_key(text, key) {
            return;
        }
        let mut elements = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            rest = &rest[first.len_utf8()..];
            match self.sequence(first, rest) {
                Some((place, length)) => {
                    rest = &rest[length..];
                    elements.push(Element::Known(place));
                }
                None => self.push(first, &mut elements),
            }
        }
        for element in &elements {
            element.primary(key);
        }
        key.push(LEVEL_SEPARATOR);
        secondary(&elements, key);
        key.push(LEVEL_SEPARATOR);
        elements.iter().for_each(|element| key.extend_from_slice(element.level(2)));
        key.push(LEVEL_SEPARATOR);
        let mut position = 1;
        for element in &elements {
            match element.level(3) {
                [] => position += 1,
                weight => {
                    if position > 1 {
                        key.push(LATER);
                        push_number(position, key);
                    }
                    key.extend_from_slice(weight);
                    position = 1;
                }
            }
        }
    }

    /// The same of a text of plain characters, level by level; nothing of another. Most texts are such, and their keys are
    /// made in half the time.
    fn plain_key(&self, text: &str, key: &mut Vec<u8>) -> bool {
        let start = key.len();
        for level in 0..LEVELS {
            if level > 0 {
                key.push(LEVEL_SEPARATOR);
            }
            for byte in text.bytes() {
                let Some(Some(weights)) = self.plain.get(usize::from(byte)) else {
                    key.truncate(start);
                    return false;
                };
                key.extend_from_slice(weights[level]);
            }
        }
        true
    }

    fn push(&self, character: char, elements: &mut Vec<Element>) {
        let code = character as u32;
        let page = usize::from(self.pages[(code >> PAGE_BITS) as usize]);
        match self.places[page * PAGE_CHARS + code as usize % PAGE_CHARS] {
            0 if HAN.contains(&code) => elements.push(Element::Han(FIRST_HAN_WEIGHT + (code - HAN.start()))),
            // Each of its bytes is an element of its own.
            0 => elements.extend((0..character.len_utf8()).map(|_| Element::UnknownByte)),
            place => elements.push(Element::Known(place)),
        }
    }

    fn sequence(&self, first: char, rest: &str) -> Option<(u32, usize)> {
        // None goes on with a character of ASCII.
        if rest.bytes().next().is_none_or(|byte| byte.is_ascii()) {
            return None;
        }
        self.sequences.get(&first)?.iter().find_map(|(characters, place)| {
            let mut following = rest.chars();
            let same = characters.iter().all(|character| following.next() == Some(*character));
            same.then(|| (*place, rest.len() - following.as_str().len()))
        })
    }
}

/// The weights of the second level in the order in which `strcoll` comes to them. It means to read each run of
/// elements of the section from behind, but passes over some where an element of another section follows, and takes
/// others for them where elements without weights go before. `strxfrm` does not, and PostgreSQL asks `strcoll`.
fn secondary(elements: &[Element], key: &mut Vec<u8>) {
    // The names are those of `get_next_seq`; places count from the beginning of the text.
    let (mut next, mut kept_next, mut run_start) = (0, 0, 0);
    let mut run: Option<Run> = None;
    let mut last;
    loop {
        let weights = loop {
            match &mut run {
                Some(pushed) if pushed.left == 0 => match pushed.then {
                    Some(forward) => {
                        last = forward;
                        run = None;
                    }
                    None => return,
                },
                Some(pushed) => {
                    last = run_start + pushed.left - 1;
                    pushed.left -= 1;
                    next = kept_next;
                }
                None => {
                    let start = next;
                    let mut forward = None;
                    while next < elements.len() {
                        next += 1;
                        if !elements[next - 1].is_backward() {
                            forward = Some(next - 1);
                            break;
                        }
                    }
                    let backward = next - start - usize::from(forward.is_some());
                    match (backward, forward) {
                        (0, None) => return,
                        (0, Some(forward)) => last = forward,
                        (backward, forward) => {
                            run_start = kept_next;
                            kept_next = next;
                            last = start + backward - 1;
                            let left = backward - usize::from(forward.is_some());
                            run = Some(Run { left: left.saturating_sub(1), then: forward });
                        }
                    }
                }
            }
            match elements[last].level(1) {
                [] => {}
                weights => break weights,
            }
        };
        key.extend_from_slice(weights);
        kept_next = next;
    }
}

/// Elements that are read from behind.
struct Run {
    /// How many are still to be read.
    left: usize,
    /// The element of another section that follows.
    then: Option<usize>,
}

impl Element {
    fn primary(&self, key: &mut Vec<u8>) {
        match self {
            Self::Han(weight) => push_number(*weight, key),
            other => key.extend_from_slice(other.level(0)),
        }
    }

    /// The weights of a level, counted from 0; of the fourth without what is before them.
    fn level(&self, level: usize) -> &'static [u8] {
        match self {
            Self::Known(place) => {
                let lengths = &TABLE[*place as usize..][..LEVELS];
                let length = |level: usize| usize::from(lengths[level] & !BACKWARD);
                let start = *place as usize + LEVELS + (0..level).map(length).sum::<usize>();
                &TABLE[start..start + length(level)]
            }
            Self::UnknownByte if level == 3 => UNKNOWN_WEIGHT,
            Self::UnknownByte | Self::Han(_) => &[],
        }
    }

    /// Whether it is in the section that is read from behind on the second level.
    fn is_backward(&self) -> bool {
        match self {
            Self::Known(place) => TABLE[*place as usize + 1] & BACKWARD != 0,
            Self::UnknownByte => true,
            Self::Han(_) => false,
        }
    }
}

/// Appends a number as the bytes of UTF-8 are made, which is also how larger ones than that of a character go.
fn push_number(number: u32, key: &mut Vec<u8>) {
    let following = match number {
        0..0x80 => return key.push(number as u8),
        0x80..0x800 => 1,
        0x800..0x1_0000 => 2,
        0x1_0000..0x20_0000 => 3,
        0x20_0000..0x400_0000 => 4,
        _ => 5,
    };
    let lead = !0_u8 << (6 - following);
    key.push(lead | (number >> (6 * following)) as u8);
    key.extend((0..following).rev().map(|place| 0x80 | (number >> (6 * place)) as u8 & 0x3F));
}

/// Reads the table's bytes.
struct Reader {
    at: usize,
}

impl Reader {
    /// A number in groups of seven bits, the lowest first.
    fn number(&mut self) -> u32 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = TABLE[self.at];
            self.at += 1;
            number |= u32::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    }

    /// Passes over an element, and tells where it is.
    fn element(&mut self) -> u32 {
        let place = self.at;
        let length: usize = TABLE[place..][..LEVELS].iter().map(|length| usize::from(length & !BACKWARD)).sum();
        self.at += LEVELS + length;
        place as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All texts of these letters, up to so many.
    fn texts(letters: &[char], most: u32) -> Vec<String> {
        let count = letters.len();
        let text = |length: u32, number: usize| {
            (0..length).map(|place| letters[number / count.pow(place) % count]).collect::<String>()
        };
        (0..=most).flat_map(|length| (0..count.pow(length)).map(move |number| text(length, number))).collect()
    }

    #[test]
    fn plain_characters_are_read_from_behind_to_no_effect() {
        for text in texts(&['a', 'B', ' ', '-', '\u{1}'], 6) {
            let (mut plain, mut elements) = (vec![], vec![]);
            assert!(GLIBC.plain_key(&text, &mut plain), "{text:?}");
            text.chars().for_each(|letter| GLIBC.push(letter, &mut elements));
            let mut second = vec![];
            secondary(&elements, &mut second);
            let levels: Vec<&[u8]> = plain.split(|byte| *byte == LEVEL_SEPARATOR).collect();
            assert_eq!(levels[1], second, "{text:?}");
        }
        assert!(!GLIBC.plain_key("a1", &mut vec![]));
    }
}
