//! What clients are made with, as they say themselves: gRPC's libraries tell their name, and some their system.

use tonic::metadata::MetadataMap;

const HEADER: &str = "user-agent";

/// gRPC's library for Java, whatever carries its messages: `grpc-java-netty/1.71.0`.
pub(super) fn is_java(headers: &MetadataMap) -> bool {
    said(headers).starts_with("grpc-java")
}

/// gRPC's library for C++ on Linux, as pyarrow has it: `grpc-c++/1.81.1 grpc-c/54.0.0 (linux; chttp2)`.
pub(super) fn is_cpp_on_linux(headers: &MetadataMap) -> bool {
    let said = said(headers);
    said.starts_with("grpc-c++/") && said.contains("(linux;")
}

fn said(headers: &MetadataMap) -> &str {
    headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(agent: &'static str) -> MetadataMap {
        let mut headers = MetadataMap::new();
        headers.insert(HEADER, agent.parse().unwrap());
        headers
    }

    #[test]
    fn clients_are_known_by_how_they_begin() {
        let cpp = saying("grpc-c++/1.81.1 grpc-c/54.0.0 (linux; chttp2)");
        let java = saying("grpc-java-netty/1.71.0");
        assert!(is_java(&java) && !is_cpp_on_linux(&java));
        assert!(is_cpp_on_linux(&cpp) && !is_java(&cpp));
        for other in [
            "grpc-c++/1.81.1 grpc-c/54.0.0 (osx; chttp2)",
            "grpc-python/1.76.0 grpc-c/51.0.0 (linux; chttp2)",
            "grpc-go/1.76.0",
            "not grpc-java",
            "",
        ] {
            assert!(!is_java(&saying(other)) && !is_cpp_on_linux(&saying(other)), "{other}");
        }
        assert!(!is_java(&MetadataMap::new()) && !is_cpp_on_linux(&MetadataMap::new()));
    }
}
