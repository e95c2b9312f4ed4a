"""The AWS endpoint as a program: `python -m disagg.local.aws.server --port-file FILE`.

It binds 127.0.0.1 on a port the kernel chooses and writes that port to FILE when it answers.
"""

import argparse
import os
from pathlib import Path

from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.utilities.utils import get_partition
from werkzeug.serving import make_server

from disagg.local.aws.extension import install
from disagg.local.aws.holdings import Holdings, put

HOST = "127.0.0.1"


def _write_whole(path: Path, text: str) -> None:
    """Write the file so that a reader sees all of it or nothing."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)


def _know(keys: list[str], partition: str) -> None:
    """Let each access key (`KEY=ACCOUNT`) stand for its account, where there are several.

    Why: moto takes every call for one of MOTO_ACCOUNT_ID while that is set, and asks the key
    otherwise. Roles that are assumed bring keys of their own.
    """
    for key, _, account in (one.partition("=") for one in keys):
        account_iam = iam_backends[account][partition]
        known = account_iam.create_temp_access_key()
        known.access_key_id = key
        account_iam.access_keys[key] = known
        os.environ.pop("MOTO_ACCOUNT_ID", None)


def serve(port_file: Path, held: Holdings, region: str, keys: list[str]) -> None:
    """Serve until the process is ended, an account that holds something before or nothing."""
    install()
    put(held, os.environ["MOTO_ACCOUNT_ID"], region)
    _know(keys, get_partition(region))
    application = DomainDispatcherApplication(create_backend_app)
    # Why: port 0 lets the kernel choose while binding, so no other program can take it in between.
    server = make_server(HOST, 0, application, threaded=True, request_handler=MotoRequestHandler)
    # Why: moto reads this when it has to call itself.
    os.environ["MOTO_PORT"] = str(server.server_port)
    _write_whole(port_file, f"{server.server_port}\n")
    server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m disagg.local.aws.server")
    parser.add_argument("--port-file", type=Path, required=True, help="where to write the port")
    parser.add_argument("--holdings", type=Path, required=True, help="what is there before")
    parser.add_argument("--region", required=True, help="where it is")
    parser.add_argument("--key", action="append", default=[], help="KEY=ACCOUNT, for each account")
    given = parser.parse_args()
    held = Holdings.from_json(given.holdings.read_text())
    serve(given.port_file, held, given.region, given.key)


if __name__ == "__main__":
    main()
