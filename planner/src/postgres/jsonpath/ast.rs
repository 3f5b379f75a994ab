//! What a `jsonpath` is made of.

use super::pattern::Pattern;

/// A value of the type `jsonpath`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath {
    pub(super) is_strict: bool,
    pub(super) root: Expression,
}

/// A start and the steps from there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    pub(super) start: Start,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Start {
    /// `$`
    Root,
    /// `@`
    Current,
    /// `last`
    Last,
    Null,
    Bool(bool),
    /// As `numeric` prints it.
    Number(String),
    String(String),
    /// `$name`
    Variable(String),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Unary(Sign, Box<Expression>),
    Predicate(Box<Predicate>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Operator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    pub(super) fn symbol(self) -> char {
        match self {
            Self::Plus => '+',
            Self::Minus => '-',
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Predicate {
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Not(Box<Predicate>),
    IsUnknown(Box<Predicate>),
    Exists(Expression),
    Compare(Comparison, Expression, Expression),
    StartsWith(Expression, Expression),
    LikeRegex(Expression, Pattern),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// `.key`
    Key(String),
    /// `.*`
    AnyKey,
    /// `[*]`
    AnyElement,
    /// `[from to to, ...]`
    Elements(Vec<(Expression, Option<Expression>)>),
    /// `.**{first to last}`
    Descendants {
        first: Level,
        last: Level,
    },
    /// `? (predicate)`
    Filter(Predicate),
    Method(Method),
}

/// How far below a value others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    At(u32),
    Last,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    Abs,
    BigInt,
    Boolean,
    Ceiling,
    Date,
    DateTime(Option<String>),
    /// Precision and scale.
    Decimal(Vec<String>),
    Double,
    Floor,
    Integer,
    KeyValue,
    Number,
    Size,
    String,
    Time(Option<String>),
    TimeTz(Option<String>),
    Timestamp(Option<String>),
    TimestampTz(Option<String>),
    Type,
}

impl Method {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::BigInt => "bigint",
            Self::Boolean => "boolean",
            Self::Ceiling => "ceiling",
            Self::Date => "date",
            Self::DateTime(_) => "datetime",
            Self::Decimal(_) => "decimal",
            Self::Double => "double",
            Self::Floor => "floor",
            Self::Integer => "integer",
            Self::KeyValue => "keyvalue",
            Self::Number => "number",
            Self::Size => "size",
            Self::String => "string",
            Self::Time(_) => "time",
            Self::TimeTz(_) => "time_tz",
            Self::Timestamp(_) => "timestamp",
            Self::TimestampTz(_) => "timestamp_tz",
            Self::Type => "type",
        }
    }
}
