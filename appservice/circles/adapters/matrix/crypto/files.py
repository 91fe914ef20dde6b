"""Private files of the encryption: written as a whole or not at all, and one owner of the folder at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from circles.errors import ConfigurationError


def write_private(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read, durable before this returns; an old one is replaced as a whole."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def secret(path: Path) -> str:
    """Return the secret in a file, made where there is none."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        made = secrets.token_urlsafe(32)
        write_private(path, made.encode())
        return made


def lock(folder: Path) -> IO[bytes]:
    """Take the folder for this process; it is let go when the file is closed, or the process ends.

    Two processes that write with the same keys break every session they have with people's devices.

    Raises:
        ConfigurationError: another process has it.
    """
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        advice = "another `circles run` uses this folder's keys: stop that one first, or name another folder."
        raise ConfigurationError([("storage.data_dir", advice)]) from None
    return file
