"""What surrounds the making of a response, and has to surround what is made of it later.

A view has returned long before a streamed response has its chunks, or Django renders a template's.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager

    Around = Callable[[], AbstractContextManager[Any]]

R = TypeVar("R")


def made_within(response: R, around: Around) -> R:
    """Return a response whose content, when it is streamed or rendered later, is made within `around()`.

    What is no response is returned as it is.
    """
    answer: Any = response
    # A file has no queries, and may be sent by the server of WSGI itself.
    if getattr(answer, "streaming", False) and getattr(answer, "file_to_stream", None) is None:
        chunks = answer.streaming_content
        answer.streaming_content = (
            _async_chunks(chunks, around) if answer.is_async else _chunks(chunks, around)
        )
    elif getattr(answer, "is_rendered", True) is False:
        _render_within(answer, around)
    return response


# Around each chunk alone: between them, other code runs in the same context.
def _chunks(chunks: Iterator[bytes], around: Around) -> Iterator[bytes]:
    ended = object()
    while True:
        with around():
            chunk: Any = next(chunks, ended)
        if chunk is ended:
            return
        yield chunk


async def _async_chunks(chunks: AsyncIterator[bytes], around: Around) -> AsyncIterator[bytes]:
    while True:
        with around():
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        yield chunk


def _render_within(response: Any, around: Around) -> None:
    render = response.render

    @wraps(render)
    def rendered() -> Any:
        # The response's own again: a cache that pickles it has no place for a function.
        vars(response).pop("render", None)
        with around():
            return render()

    response.render = rendered
