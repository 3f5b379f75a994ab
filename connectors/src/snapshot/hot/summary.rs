//! A small file that says what is hot, so that a server that starts again can load it before it is asked. It is
//! a hint and nothing more: one that is missing, damaged or of other files costs nothing, and is not reported.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The version of this format.
const FORMAT: u32 = 1;
/// A larger file is none of ours: the columns of ten thousand files take less.
const MAX_BYTES: u64 = 16 << 20;

/// How often columns were used, by the files' paths and the columns' names.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Summary {
    format: u32,
    pub(super) files: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Summary {
    pub(super) fn new(uses: &[(&str, Vec<(&str, f64)>)]) -> Self {
        let columns = |of_file: &[(&str, f64)]| of_file.iter().map(|&(name, uses)| (name.to_owned(), uses)).collect();
        let files = uses.iter().map(|(path, of_file)| ((*path).to_owned(), columns(of_file)));
        Self { format: FORMAT, files: files.collect() }
    }

    /// Reads a summary, if there is one that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok().filter(|summary: &Self| summary.format == FORMAT)
    }

    /// Writes it in the place of the one before. It need not be durable.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let partial = path.with_extension("partial");
        fs::write(&partial, serde_json::to_vec(self)?).and_then(|()| fs::rename(&partial, path))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::storage::testing::Folder;
    use super::*;

    #[test]
    fn what_is_no_summary_is_none() {
        let folder = Folder::new();
        let path = folder.path().join("hot.json");
        assert_eq!(Summary::read(&path), None);
        let summary = Summary::new(&[("data/1/0.parquet", vec![("id", 2.5)])]);
        summary.write(&path).unwrap();
        assert_eq!(Summary::read(&path), Some(summary));
        for damaged in ["", "{", "[]", r#"{"format":2,"files":{}}"#, r#"{"format":1,"files":{"a":{"b":"c"}}}"#, "\u{0}"]
        {
            fs::write(&path, damaged).unwrap();
            assert_eq!(Summary::read(&path), None, "{damaged}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(Summary::read(&path), None);
    }
}
