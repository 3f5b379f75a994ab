//! "Did you mean ...?": the known name that a mistyped one is nearest to.

/// Names less alike than this (Jaro-Winkler, 0 to 1) are no mistyping of each other: `orders` and `ordres`
/// have 0.96, `orders` and `customers` 0.58.
const ALIKE: f64 = 0.8;

/// The candidate that is most like `name`, if one is alike enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_recognised_and_another_is_not() {
        let tables = ["customer", "orders", "order_line"];
        assert_eq!(nearest("ordres", tables), Some("orders"));
        assert_eq!(nearest("Customers", tables), Some("customer"));
        assert_eq!(nearest("warehouse", tables), None);
    }
}
