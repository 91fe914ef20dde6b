"""What the benchmarks share: opponents and service as processes, their CPU time, the table and the RESULT line.

The benchmarks are run as files, so this package also makes the test harness importable.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

sys.path.insert(0, str(ROOT / "harness"))
