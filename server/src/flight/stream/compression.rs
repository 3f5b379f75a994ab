//! Compression of rows, for clients that ask for it: on a network that is slower than a disk it gains, elsewhere it costs.

use arrow_ipc::CompressionType;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// `lz4` or `zstd`.
const HEADER: &str = "x-rail-forge-compression";

/// How a client wants the rows of a statement compressed.
///
/// # Errors
/// When it wants what there is not.
pub(in crate::flight) fn compression(headers: &MetadataMap) -> Result<Option<CompressionType>, Status> {
    match headers.get(HEADER).map(|value| value.as_bytes()) {
        None | Some(b"") => Ok(None),
        Some(b"lz4") => Ok(Some(CompressionType::LZ4_FRAME)),
        Some(b"zstd") => Ok(Some(CompressionType::ZSTD)),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            Err(Status::invalid_argument(format!("the header {HEADER} says \"{other}\"; it may say lz4 or zstd")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_how() {
        let mut headers = MetadataMap::new();
        assert_eq!(compression(&headers).unwrap(), None);
        headers.insert(HEADER, "zstd".parse().unwrap());
        assert_eq!(compression(&headers).unwrap(), Some(CompressionType::ZSTD));
        headers.insert(HEADER, "gzip".parse().unwrap());
        assert!(compression(&headers).unwrap_err().message().contains(HEADER));
    }
}
