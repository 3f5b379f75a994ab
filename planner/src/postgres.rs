//! PostgreSQL's functions and operators on single values: how texts are read and printed, calendars, formats, regular
//! expressions, JSON. It knows nothing of Arrow or DataFusion; `functions` makes functions of columns of it.

pub(crate) mod array_text;
pub(crate) mod bytea;
pub(crate) mod calendar;
pub(crate) mod collation;
pub(crate) mod datetime;
pub(crate) mod error;
pub(crate) mod float;
pub(crate) mod formatting;
pub(crate) mod inet;
pub(crate) mod json;
pub(crate) mod jsonpath;
pub(crate) mod numeric;
pub(crate) mod regex;
pub(crate) mod stop;
pub(crate) mod text;
pub(crate) mod uuid;
pub(crate) mod value;
pub(crate) mod whole_number;
