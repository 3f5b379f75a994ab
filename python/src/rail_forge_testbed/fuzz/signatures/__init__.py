"""PostgreSQL's functions, operators and casts as templates, with the types of their arguments and results.

What is not here, and why (each a known difference, or an answer that PostgreSQL does not determine):

- quotients, averages and roots of numerics but for their first decimals: PostgreSQL chooses for each value
  how many there are (docs/compatibility.md; slt/arithmetic.slt); texts of numerics, which show it; likewise
  functions that C libraries compute, whose last digit may differ
- products of numerics but of columns and constants that are no extremes: a numeric has 38 digits, or 76
  (docs/compatibility.md)
- `EXCLUDE` in frames, arrays of arrays, TABLESAMPLE (docs/compatibility.md)
- casts from floating-point numbers and texts to numeric and dates, and intervals multiplied by them, but
  where nothing is infinite: neither has an infinity here (docs/compatibility.md)
- unary minus of floating-point numbers, and rounding them: negative zero groups with zero
"""

from __future__ import annotations

from . import arrays, conditions, documents, moments, numbers, texts
from .aggregates import AGGREGATES
from .signature import Signature
from .windows import WINDOWS

_BY_TOPIC = (numbers, texts, moments, arrays, conditions, documents)
SIGNATURES = [signature for topic in _BY_TOPIC for signature in topic.SIGNATURES]
# These often fail; they are used only where no plan can leave their computation out.
FAILING = [signature for topic in _BY_TOPIC for signature in topic.FAILING]

__all__ = ["AGGREGATES", "FAILING", "SIGNATURES", "WINDOWS", "Signature"]
