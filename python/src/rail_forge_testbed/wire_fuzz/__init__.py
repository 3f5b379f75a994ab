"""Random messages for RailForge's wire: whatever they hold, the server answers with a gRPC code, and goes on.

Valid messages are changed where it hurts: in protobuf's fields, in Arrow's metadata, in handles, in headers,
and in how a stream ends. Nothing of `rail_forge` makes them, and they go out as bytes, so that they may be
anything.
"""
