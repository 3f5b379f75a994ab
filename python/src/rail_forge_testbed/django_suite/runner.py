"""Django's test runner, which also writes down how each test has ended."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner

from .outcomes import OUTCOMES_VARIABLE


class Result(unittest.TextTestResult):
    """A result that knows what has passed, failed and was skipped, by the names of the tests."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.outcomes: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        """Note a test that has passed."""
        super().addSuccess(test)
        self.outcomes.setdefault(test.id(), "passed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest's name
        """Note a test that has failed."""
        super().addError(test, err)
        self.outcomes[test.id()] = "failed"

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest's name
        """Note a test that has failed."""
        super().addFailure(test, err)
        self.outcomes[test.id()] = "failed"

    def addSubTest(self, test: unittest.TestCase, subtest: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        """Note a test of which a part has failed."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.outcomes[test.id()] = "failed"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802 - unittest's name
        """Note a test that was skipped, and why."""
        super().addSkip(test, reason)
        self.outcomes[test.id()] = f"skipped: {reason}"

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest's name
        """Note a test that fails on every database."""
        super().addExpectedFailure(test, err)
        self.outcomes[test.id()] = "skipped: an expected failure"


class Runner(DiscoverRunner):
    """Runs tests as Django does, and writes their outcomes to the file that the environment names."""

    def get_resultclass(self) -> type[Result]:
        """Return the class of the result."""
        return Result

    def run_suite(self, suite: unittest.TestSuite, **named: Any) -> Result:
        """Run, and write."""
        result: Result = super().run_suite(suite, **named)
        path = os.environ.get(OUTCOMES_VARIABLE)
        if path:
            Path(path).write_text(json.dumps(result.outcomes, indent=1, sort_keys=True))
        return result
