"""Answers that look like a defect and are none, each with its reason."""

from __future__ import annotations

import re

# The code INTERNAL is gRPC's own, of the library and not of RailForge, for what is no message at all.
ACCEPTED = (
    (
        re.compile(r"failed to decode Protobuf message|buffer underflow"),
        "what is no protobuf: tonic, as gRPC's C++, has this code for it, before the service is called",
    ),
    (
        re.compile(r"^Missing request message"),
        "a call that takes one message and gets none: tonic's words, from before the service is called",
    ),
)


def is_accepted(words: str) -> bool:
    """Whether an answer INTERNAL with these words is no defect."""
    return any(pattern.search(words) for pattern, _ in ACCEPTED)
