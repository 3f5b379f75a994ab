//! Server reflection, v1 and v1alpha: which services there are and what their messages look like, for tools such as
//! grpcurl. It needs a token, as everything that tells what there is.
//!
//! `flight.binpb` describes Flight.proto and FlightSql.proto. It was made from those in the folder `format` of apache/arrow-rs
//! with the compiler of PyPI's grpcio-tools, and is made anew when arrow-flight follows newer ones:
//!
//! ```sh
//! python -m grpc_tools.protoc -I format --include_imports --descriptor_set_out=server/src/flight/flight.binpb \
//!     Flight.proto FlightSql.proto
//! ```

use tonic_reflection::server::{Builder, Error, v1, v1alpha};

const FLIGHT: &[u8] = include_bytes!("flight.binpb");

/// Reflection as clients of today ask for it. None where the descriptions cannot be read, which is a mistake of ours.
pub(super) fn newest() -> Option<v1::ServerReflectionServer<impl v1::ServerReflection>> {
    logged(builder().build_v1())
}

/// Reflection as older clients ask for it.
pub(super) fn older() -> Option<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>> {
    logged(builder().build_v1alpha())
}

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(FLIGHT)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn logged<T>(built: Result<T, Error>) -> Option<T> {
    built.inspect_err(|error| tracing::error!(%error, "there is no server reflection")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptions_can_be_read() {
        assert!(newest().is_some() && older().is_some());
    }
}
