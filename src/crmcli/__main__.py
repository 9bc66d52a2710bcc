"""python -m crmcli, and the scripts `crm` and `crmcli`."""

import gc
import sys

from crmcli import __version__


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.argv[1:] == ["--version"]:
        print(f"crm {__version__}")  # noqa: T201 - before anything is imported
        return
    # Imports make a hundred thousand objects that live to the end: looking for garbage among them is a
    # quarter of the start. Long commands turn the collector on again.
    gc.disable()
    import os

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal reads what its locale says; files and pipes get UTF-8, unless Python was told otherwise.
            told = stream.isatty() or os.environ.get("PYTHONIOENCODING")
            stream.reconfigure(encoding=None if told else "utf-8", errors="backslashreplace")
    if "_CRM_COMPLETE" in os.environ:
        from typer.main import get_command

        from crmcli.cli import root
        from crmcli.commands.completion import answer

        sys.stdout.write(answer(get_command(root), os.environ))
        return
    from crmcli.cli import run

    try:
        code = run(sys.argv[1:], stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environ=os.environ)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    finally:
        gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
