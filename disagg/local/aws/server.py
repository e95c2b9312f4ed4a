"""The AWS endpoint as a program: `python -m disagg.local.aws.server --port-file FILE`.

It binds 127.0.0.1 on a port the kernel chooses and writes that port to FILE when it answers.
"""

import argparse
import os
from pathlib import Path

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from disagg.local.aws.extension import install
from disagg.local.aws.holdings import Holdings, put

HOST = "127.0.0.1"


def _write_whole(path: Path, text: str) -> None:
    """Write the file so that a reader sees all of it or nothing."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)


def serve(port_file: Path, held: Holdings, region: str) -> None:
    """Serve until the process is ended, an account that holds something before or nothing."""
    install()
    put(held, os.environ["MOTO_ACCOUNT_ID"], region)
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
    given = parser.parse_args()
    serve(given.port_file, Holdings.from_json(given.holdings.read_text()), given.region)


if __name__ == "__main__":
    main()
