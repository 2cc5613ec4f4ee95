"""The ``usnet`` command: a file a sub-command, errors as one line and an exit code.

Exit codes: 0 done, 1 a check found harm, 2 usage, 3 unreadable input, 4 no model, 5 part of the batch failed, 6 PACS.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point: run the sub-command, turn a :class:`~usnet.errors.UsnetError` into one line on stderr."""
    from usnet.cli.app import app
    from usnet.errors import UsnetError

    try:
        app()
    except UsnetError as error:
        sys.stderr.write(f"usnet: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("usnet: stopped\n")
        sys.exit(130)
