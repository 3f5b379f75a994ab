"""Where the suite's runner writes how each test has ended. The runner itself needs Django set up."""

# The environment variable that names the file.
OUTCOMES_VARIABLE = "RAIL_FORGE_SUITE_OUTCOMES"
