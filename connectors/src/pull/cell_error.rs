//! Why a cell could not be taken, by what the pull does next.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CellError {
    /// The value has no place in the column's Arrow type: an error, or NULL where the source says so.
    Unrepresentable(&'static str),
    /// The column has to be read as text, because a value of it needs more than the type that was chosen.
    NeedsText(&'static str),
    /// The bytes are not what the type promises.
    Malformed,
}
