"""`python -m disagg.local.cluster` (`make kube`): build and fetch what a rehearsal needs, once."""

import sys

from disagg.errors import DisaggError
from disagg.local.cluster import definitions
from disagg.local.cluster.binaries import build


def main() -> int:
    """Build the programs, fetch the definitions, and return the exit code."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    try:
        build(say)
        definitions.fetch(say)
    except DisaggError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what is there stays, and make kube goes on from there\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
