"""`circles keys`: the room keys of the AI's device into a file, and out of one, in the form that Element uses.

What such a file opens is past talk; it makes nobody the AI.  The service must not run meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from circles.adapters.matrix.crypto import device
from circles.adapters.matrix.crypto.files import lock, secret
from circles.adapters.matrix.crypto.machine import Machine, store_name
from circles.config import Config
from circles.core.ids import UserID
from circles.errors import NotFound


def export_keys(config: Config, file: Path, passphrase: str) -> str:
    """Write every room key to a new file, encrypted with a passphrase; return what was done.

    Raises:
        NotFound: there is no store yet, or the file cannot be written.
        ConfigurationError: the service runs.
    """
    with _opened(config) as machine:
        try:
            count = machine.export(file, passphrase)
        except FileExistsError:
            raise NotFound(f"{file} is there already: name another file") from None
        except OSError as error:
            raise NotFound(f"cannot write {file}: {error.strerror}") from None
    return f"written: {file}, {count} room keys"


def import_keys(config: Config, file: Path, passphrase: str) -> str:
    """Add the room keys of a file to those of the device; return what was done.

    Raises:
        NotFound: there is no store yet, or the file is none that this passphrase opens.
        ConfigurationError: the service runs.
    """
    with _opened(config) as machine:
        try:
            before, after = machine.restore(file, passphrase)
        except OSError as error:
            raise NotFound(f"cannot read {file}: {error.strerror}") from None
        except ValueError:
            raise NotFound(f"{file} is no file of room keys, or the passphrase is another") from None
    return f"{after - before} room keys are new, {after} in all; the next start tries what could not be read"


@contextmanager
def _opened(config: Config) -> Generator[Machine]:
    folder, user = config.storage.crypto_dir, UserID(config.bot_user_id)
    record = device.read_record(folder)
    if record is None or not (folder / store_name(record.device_id)).exists():
        raise NotFound("there are no keys yet: start the service once, which makes its device, and stop it again")
    with lock(folder):
        machine = Machine(folder, user, record.device_id, secret(config.storage.secrets_dir / "pickle_key"))
        try:
            yield machine
        finally:
            machine.close()
