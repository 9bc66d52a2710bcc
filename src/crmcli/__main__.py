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

    try:
        code = started()
    except KeyboardInterrupt:  # while the program was loading
        sys.stderr.write("Error: Interrupted; nothing was written.\n")
        code = 130
    finally:
        gc.freeze()
    if code == 130:
        # An interruption that went through exec(), as it does while classes are made, would end Python by the
        # signal itself, although it was answered.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def started() -> int:
    """Load what is needed, answer or run; the exit code."""
    import os

    # A stream that was closed for us is one that nobody reads: its number must not go to the next file opened.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open to the end; a path to nothing needs no pathlib
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
        return 0
    from crmcli.cli import run

    return run(sys.argv[1:], stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environ=os.environ)


if __name__ == "__main__":
    main()
