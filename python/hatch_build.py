"""Puts the `rail-forge` binary into the wheel: the one that RAIL_FORGE_BIN names, as `make wheel` does.

A wheel that is built without it has the client alone. Cargo builds the whole workspace beforehand: a build of
the one binary, as maturin would ask for, chooses other features of shared dependencies and compiles all of
them again.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BinaryHook(BuildHookInterface):
    """Adds the binary to the scripts, and the platform to the wheel's name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Say what is to be built."""
        named = os.environ.get("RAIL_FORGE_BIN")
        if self.target_name != "wheel" or not named:
            return
        binary = Path(named)
        if not binary.is_file():
            raise FileNotFoundError(
                f"RAIL_FORGE_BIN names {binary}, which does not exist; 'make build' builds it"
            )
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["shared_scripts"][str(binary)] = (
            "rail-forge.exe" if binary.suffix == ".exe" else "rail-forge"
        )
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
