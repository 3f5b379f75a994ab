//! Arrays as text: `{a,"b c",NULL}`, of any number of dimensions, with `[lower:upper]` before them where they do not
//! count from 1.

use super::error::{ValueError, ValueResult};

/// PostgreSQL's limit (`MAXDIM`).
const MOST_DIMENSIONS: usize = 6;
/// The greatest length of a dimension that PostgreSQL can describe (`MaxArraySize`).
const MOST_ELEMENTS: i64 = 134_217_727;

/// An array whose elements are still text. An empty array has no dimensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ArrayLiteral {
    /// The lengths of the dimensions.
    pub(crate) dims: Vec<i32>,
    /// The index of the first element of each dimension.
    pub(crate) lower_bounds: Vec<i32>,
    /// The elements, those of the last dimension next to each other.
    pub(crate) elements: Vec<Option<String>>,
}

impl ArrayLiteral {
    /// Reads an array whose elements the delimiter separates, a comma for all types but `box`.
    pub(crate) fn parse(text: &str, delimiter: char) -> ValueResult<Self> {
        let malformed = || ValueError::new("22P02", format!("malformed array literal: \"{text}\""));
        let mut scanner = Scanner { rest: text, delimiter };
        let (lower_bounds, given) = scanner.dimensions(&malformed)?;
        if !given.is_empty() {
            scanner.rest = scanner.rest.strip_prefix('=').ok_or_else(malformed)?;
            scanner.skip_blanks();
        }
        if !scanner.rest.starts_with('{') {
            return Err(malformed());
        }
        let mut contents = Contents::default();
        loop {
            contents.take(scanner.token().ok_or_else(malformed)?, &malformed)?;
            if contents.open.is_empty() {
                break;
            }
        }
        scanner.skip_blanks();
        if !scanner.rest.is_empty() {
            return Err(malformed());
        }
        let dims: Vec<i32> = contents.lengths.iter().map(|length| length.unwrap_or_default()).collect();
        if !given.is_empty() && given != dims {
            return Err(malformed());
        }
        if dims.contains(&0) {
            return Ok(Self::default());
        }
        let lower_bounds = if lower_bounds.is_empty() { vec![1; dims.len()] } else { lower_bounds };
        Ok(Self { dims, lower_bounds, elements: contents.elements })
    }
}

/// Appends an element as it stands in an array, quoted if it has to be.
pub(crate) fn push_element(text: &mut String, element: Option<&str>, delimiter: char) {
    let Some(element) = element else {
        text.push_str("NULL");
        return;
    };
    let is_special = |letter: char| matches!(letter, '"' | '\\' | '{' | '}') || letter == delimiter || is_blank(letter);
    if !element.is_empty() && !element.eq_ignore_ascii_case("null") && !element.contains(is_special) {
        text.push_str(element);
        return;
    }
    text.push('"');
    for letter in element.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t'..='\r')
}

enum Token {
    Open,
    Close,
    Delimiter,
    Element(Option<String>),
}

struct Scanner<'a> {
    rest: &'a str,
    delimiter: char,
}

impl Scanner<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(is_blank);
    }

    /// The lower bounds and the lengths before the contents, if there are any.
    fn dimensions(&mut self, malformed: &impl Fn() -> ValueError) -> ValueResult<(Vec<i32>, Vec<i32>)> {
        let (mut lower_bounds, mut lengths) = (Vec::new(), Vec::new());
        loop {
            self.skip_blanks();
            let Some(rest) = self.rest.strip_prefix('[') else { return Ok((lower_bounds, lengths)) };
            if lengths.len() == MOST_DIMENSIONS {
                return Err(too_many_dimensions());
            }
            self.rest = rest;
            let first = self.bound()?.ok_or_else(malformed)?;
            let (lower, upper) = match self.rest.strip_prefix(':') {
                Some(rest) => {
                    self.rest = rest;
                    (first, self.bound()?.ok_or_else(malformed)?)
                }
                None => (1, first),
            };
            self.rest = self.rest.strip_prefix(']').ok_or_else(malformed)?;
            if upper < lower {
                return Err(ValueError::new("2202E", "upper bound cannot be less than lower bound"));
            }
            if upper == i32::MAX {
                return Err(ValueError::new("54000", format!("array upper bound is too large: {upper}")));
            }
            let length = i64::from(upper) - i64::from(lower) + 1;
            let length = i32::try_from(length).map_err(|_| {
                ValueError::new("54000", format!("array size exceeds the maximum allowed ({MOST_ELEMENTS})"))
            })?;
            lower_bounds.push(lower);
            lengths.push(length);
        }
    }

    fn bound(&mut self) -> ValueResult<Option<i32>> {
        let signed = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest);
        let digits = signed.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(None);
        }
        let (number, rest) = self.rest.split_at_checked(self.rest.len() - signed.len() + digits).unwrap_or_default();
        self.rest = rest;
        number.parse().map(Some).map_err(|_| ValueError::new("54000", "array bound is out of integer range"))
    }

    /// The next token, if there is a proper one.
    fn token(&mut self) -> Option<Token> {
        self.skip_blanks();
        let mut letters = self.rest.chars();
        let token = match letters.next()? {
            '{' => Token::Open,
            '}' => Token::Close,
            '"' => {
                self.rest = letters.as_str();
                return self.quoted();
            }
            letter if letter == self.delimiter => Token::Delimiter,
            _ => return self.unquoted(),
        };
        self.rest = letters.as_str();
        Some(token)
    }

    fn quoted(&mut self) -> Option<Token> {
        let mut element = String::new();
        let mut letters = self.rest.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => element.push(letters.next()?),
                letter => element.push(letter),
            }
        }
        self.rest = letters.as_str();
        self.skip_blanks();
        self.rest.starts_with(['}', self.delimiter]).then_some(Token::Element(Some(element)))
    }

    fn unquoted(&mut self) -> Option<Token> {
        let mut element = String::new();
        // What remains when the blanks at the end are cut, escaped ones excepted.
        let mut length = 0;
        let mut has_escapes = false;
        let mut letters = self.rest.chars();
        loop {
            let rest = letters.as_str();
            match letters.next()? {
                '"' | '{' => return None,
                '\\' => {
                    element.push(letters.next()?);
                    length = element.len();
                    has_escapes = true;
                }
                letter if letter == '}' || letter == self.delimiter => {
                    self.rest = rest;
                    break;
                }
                letter => {
                    element.push(letter);
                    if !is_blank(letter) {
                        length = element.len();
                    }
                }
            }
        }
        element.truncate(length);
        let is_null = !has_escapes && element.eq_ignore_ascii_case("null");
        Some(Token::Element((!is_null).then_some(element)))
    }
}

/// What stands between the outermost braces, as far as it has been read.
#[derive(Default)]
struct Contents {
    /// How much each open brace encloses so far.
    open: Vec<i32>,
    /// The lengths of the dimensions, as far as one of them was closed.
    lengths: Vec<Option<i32>>,
    elements: Vec<Option<String>>,
    /// Whether an element has shown how many dimensions there are.
    is_depth_known: bool,
    expects_delimiter: bool,
}

impl Contents {
    fn take(&mut self, token: Token, malformed: &impl Fn() -> ValueError) -> ValueResult<()> {
        match token {
            Token::Open => {
                if self.expects_delimiter {
                    return Err(malformed());
                }
                if self.open.len() == MOST_DIMENSIONS {
                    return Err(too_many_dimensions());
                }
                self.open.push(0);
                if self.open.len() > self.lengths.len() {
                    if self.is_depth_known {
                        return Err(malformed());
                    }
                    self.lengths.push(None);
                }
            }
            Token::Close => {
                let depth = self.open.len();
                let length = self.open.pop().ok_or_else(malformed)?;
                if length > 0 && !self.expects_delimiter {
                    return Err(malformed());
                }
                let known = depth.checked_sub(1).and_then(|index| self.lengths.get_mut(index)).ok_or_else(malformed)?;
                if *known.get_or_insert(length) != length {
                    return Err(malformed());
                }
                if let Some(enclosing) = self.open.last_mut() {
                    *enclosing += 1;
                }
                self.expects_delimiter = true;
            }
            Token::Delimiter => {
                if !self.expects_delimiter {
                    return Err(malformed());
                }
                self.expects_delimiter = false;
            }
            Token::Element(element) => {
                self.is_depth_known = true;
                if self.expects_delimiter || self.open.len() != self.lengths.len() {
                    return Err(malformed());
                }
                if let Some(enclosing) = self.open.last_mut() {
                    *enclosing += 1;
                }
                self.elements.push(element);
                self.expects_delimiter = true;
            }
        }
        Ok(())
    }
}

fn too_many_dimensions() -> ValueError {
    ValueError::new("54000", format!("number of array dimensions exceeds the maximum allowed ({MOST_DIMENSIONS})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths, the lower bounds and the elements, printed with commas between them.
    fn read(text: &str) -> (Vec<i32>, Vec<i32>, String) {
        let array = ArrayLiteral::parse(text, ',').unwrap();
        let mut printed = String::new();
        for element in &array.elements {
            if !printed.is_empty() {
                printed.push(',');
            }
            push_element(&mut printed, element.as_deref(), ',');
        }
        (array.dims, array.lower_bounds, printed)
    }

    fn mistake(text: &str) -> String {
        ArrayLiteral::parse(text, ',').unwrap_err().message
    }

    #[test]
    fn arrays() {
        let elements = "a,\"b \\\" c\",NULL,\"null\",\"\"".to_owned();
        assert_eq!(read(" { a , \"b \\\" c\" ,null, \\null,\"\"} "), (vec![5], vec![1], elements));
        assert_eq!(read("{{1,2},{3,4}}"), (vec![2, 2], vec![1, 1], "1,2,3,4".to_owned()));
        assert_eq!(read("[0:1]={a,b}"), (vec![2], vec![0], "a,b".to_owned()));
        assert_eq!(read("[2]={a,b}"), (vec![2], vec![1], "a,b".to_owned()));
        assert_eq!(ArrayLiteral::parse("{{},{}}", ','), Ok(ArrayLiteral::default()));
        assert_eq!(read("{a\\ }"), (vec![1], vec![1], "\"a \"".to_owned()));
        assert_eq!(ArrayLiteral::parse("{1;2}", ';').unwrap().dims, [2]);
    }

    #[test]
    fn mistakes() {
        for bad in
            ["", "{", "{a", "{,}", "{a,}", "{a}b", "{{1},2}", "{{1},{2,3}}", "{a\"b\"}", "{\"a\"b}", "[1:2]={1}", "{}}"]
        {
            assert_eq!(mistake(bad), format!("malformed array literal: \"{bad}\""));
        }
        assert_eq!(mistake("[2:1]={}"), "upper bound cannot be less than lower bound");
        assert_eq!(mistake("{{{{{{{1}}}}}}}"), "number of array dimensions exceeds the maximum allowed (6)");
        assert_eq!(mistake("[99999999999:2]={1}"), "array bound is out of integer range");
    }
}
