"""`python -m disagg`."""

from disagg.cli import run

if __name__ == "__main__":
    run()
