"""crm completion: what the shell asks when Tab is pressed, and the scripts that make it ask."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.errors import InvalidValue, suggestion
from crmcli.result import Result, Text

# Every script asks in one way: the words typed so far, a line each, and the number of the one at the cursor.
BASH: Final = """\
_crm_complete() {
    local IFS=$'\\n'
    COMPREPLY=( $(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" \\
        _CRM_COMPLETE=complete_bash "$1" 2>/dev/null) )
}
complete -o default -F _crm_complete crm crmcli
"""
ZSH: Final = """\
#compdef crm crmcli
_crm_complete() {
    local -a found
    local -x COMP_WORDS="${(F)words}" COMP_CWORD=$((CURRENT - 1)) _CRM_COMPLETE=complete_zsh
    found=("${(@f)$("$words[1]" 2>/dev/null)}")
    if [[ -n "$found" ]]; then
        _describe -V crm found
    else
        _files
    fi
}
if [[ "$funcstack[1]" == _crm ]]; then
    _crm_complete "$@"
else
    compdef _crm_complete crm crmcli
fi
"""
FISH: Final = """\
function __crm_complete
    set -l words (commandline -opc) (commandline -ct)
    env COMP_WORDS=(string join \\n -- $words | string collect) COMP_CWORD=(math (count $words) - 1) \\
        _CRM_COMPLETE=complete_fish $words[1] 2>/dev/null
end
complete --command crm --no-files --condition 'test -n "$(__crm_complete)"' --arguments '(__crm_complete)'
complete --command crmcli --wraps crm
"""
SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@report(
    "source <(crm completion bash)                                # in ~/.bashrc",
    'crm completion zsh > "${fpath[1]}/_crm"                      # then start a new shell',
    "crm completion fish > ~/.config/fish/completions/crm.fish",
)
def command(
    app: App,
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.", autocompletion=lambda: list(SCRIPTS))],
) -> Result:
    """Print the script that makes a shell complete commands, options, references, stages and users."""
    if shell not in SCRIPTS:
        raise InvalidValue(
            f"{shell!r} is not one of {', '.join(SCRIPTS)}.",
            hint=suggestion(shell, list(SCRIPTS)),
            field="shell",
        )
    return Text(SCRIPTS[shell])


# --- answering the shell --------------------------------------------------------------------------------


def answer(root: Any, environ: Mapping[str, str]) -> str:
    """The completions of what has been typed, a line each, as the shell wants them. Never fails."""
    shell = environ.get("_CRM_COMPLETE", "").rpartition("_")[2]
    try:
        words, at = typed(environ.get("COMP_WORDS", ""), int(environ.get("COMP_CWORD", "0")))
        # What a shell hands over is raw: quotes are still in it.
        plain = [unquoted(word) for word in words]
        found = completions(root, plain[1:at], plain[at] if at < len(plain) else "")
        raw = words[at] if at < len(words) else ""
        return "".join(f"{line(shell, value, help, raw)}\n" for value, help in found)
    except Exception:  # noqa: BLE001 - an error in the middle of somebody's command line helps nobody
        return ""


def typed(text: str, at: int) -> tuple[list[str], int]:
    """The words as they were typed, and which is being completed; what bash splits at = is one word again."""
    if "\n" in text:
        words = text.split("\n")
    else:
        from typer._click.shell_completion import split_arg_string

        words = split_arg_string(text)
    whole: list[str] = []
    moved = at
    for index, word in enumerate(words):
        if (
            index > 1
            and (word == "=" or words[index - 1] == "=")
            and whole[0:1]
            and whole[-1].startswith("--")
        ):
            whole[-1] += word
            moved -= index <= at
        else:
            whole.append(word)
    return whole, moved


def unquoted(word: str) -> str:
    from typer._click.shell_completion import split_arg_string

    return "".join(split_arg_string(word)) if set(word) & {"'", '"', "\\"} else word


def completions(root: Any, args: Sequence[str], incomplete: str) -> list[tuple[str, str]]:
    """What may stand where the cursor is, each with a word about it."""
    from typer._click.shell_completion import ShellComplete

    class Asked(ShellComplete):
        """Typer's search for completions, without its shells, whose help goes through Rich."""

        name = "crm"
        source_template = ""

        def source_vars(self) -> dict[str, Any]:
            raise NotImplementedError

        def get_completion_args(self) -> tuple[list[str], str]:
            raise NotImplementedError

        def format_completion(self, item: Any) -> str:
            raise NotImplementedError

    items = Asked(root, {}, "crm", "_CRM_COMPLETE").get_completions(list(args), incomplete)
    return [(str(item.value), item.help or "") for item in items if item.type == "plain"]


def line(shell: str, value: str, help: str, raw: str) -> str:
    """One completion on one line."""
    value = one_line(value)
    if shell == "bash":
        if raw[:1] in ("'", '"') or value.isalnum():
            return value
        return "".join("\\" + sign if sign in " \t\"'\\$`&;|<>()*?[]#!{}" else sign for sign in value)
    help = one_line(help)
    if shell == "zsh":
        return value.replace("\\", "\\\\").replace(":", "\\:") + (f":{help}" if help else "")
    return f"{value}\t{help}" if help else value


def one_line(text: str) -> str:
    """Text that can break neither a line nor a terminal."""
    from crmcli.render.clean import clean

    return clean(" ".join(text.split()))
