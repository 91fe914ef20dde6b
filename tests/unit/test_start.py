"""What a start loads: memory and seconds that everybody pays for must be for everybody."""

import subprocess
import sys


def test_a_start_loads_no_library_that_it_may_not_need() -> None:
    """Neither a model's SDK where no model is set, nor Alembic where the schema is the newest, nor the driver of a
    database that is not ours, nor any test tool.
    """
    program = "import sys, circles.__main__, circles.bootstrap; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}

    assert {"circles", "sqlalchemy", "aiohttp"} <= loaded
    needless = {"openai", "httpx", "alembic", "mako", "psycopg", "numpy", "synapse", "twisted", "pytest", "hypothesis"}
    assert loaded & needless == set()
