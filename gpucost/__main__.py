"""Entry point: answers `--version` at once, leaves everything else to the command line proper."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from gpucost import __version__

        try:
            sys.stdout.write(f"gpucost {__version__}\n")
            sys.stdout.flush()
        except (OSError, AttributeError):  # nobody listens
            os._exit(0)
        return
    # One short answer makes little garbage: collecting it while modules load, and taking the interpreter
    # apart afterwards, would cost a quarter of the answer's time.
    gc.disable()
    from gpucost.cli.app import run

    code = run(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
