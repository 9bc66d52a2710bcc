"""The groups and commands of Typer as this program needs them: lazy, without pydantic, with examples in the help."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

from crmcli.errors import InvalidValue, suggestion

# --- Typer without pydantic --------------------------------------------------------------------------
#
# Typer 0.29 imports pydantic (a third of a read command's time) to coerce even a plain string. Every
# parameter of ours is text, a list of texts, a whole number or a flag, which need no such help. Where a
# later Typer has other insides, the guard below does nothing and Typer works as it always does;
# tests/test_promises.py then says so.

try:
    from typer._coercion import RuntimeParam as _RuntimeParam

    class _Plain(_RuntimeParam):
        """Takes text, lists of text, whole numbers and flags as they are."""

        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            if self.annotation in (int, int | None) and isinstance(value, str):
                digits = value.strip()
                if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
                    raise InvalidValue(
                        f"{param.name}: {value!r} is not a whole number from 0 to 999999999.",
                        field=param.name,
                    )
                return int(value)
            return list(value) if isinstance(value, tuple) else value

    PLAIN_TYPES: Final = (str, str | None, list[str], list[str] | None, int, int | None, bool)
except ImportError:  # pragma: no cover - another Typer
    _Plain = None  # type: ignore[assignment, misc]


def _lighten(params: list[Any]) -> None:
    for param in params:
        descriptor = getattr(param, "type_descriptor", None)
        if _Plain is None or descriptor is None or not hasattr(param, "_runtime_param"):
            continue
        if descriptor.annotation in PLAIN_TYPES:
            param._runtime_param = _Plain(
                parameter_info=descriptor.parameter_info, annotation=descriptor.annotation
            )


class _Light:
    """Keeps Typer's own --help from importing pydantic."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None and option.default is None:
            option.default = False
        return option


ALONE: Final = "show"  # the name of what a group does where no command is named
NEGATED: Final = re.compile(r"-[A-Za-z_][\w.-]+(?:[:=<>]|!=)")
AGO: Final = re.compile(r"-[0-9]+(d|w|mo|y)", re.IGNORECASE)  # a day, and never an option
KEPT: Final = "\x00"  # before a word that begins like an option and is none


class Command(_Light, TyperCommand):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _lighten(self.params)
        self.filters = any(param.name == "terms" for param in self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = [KEPT + word if AGO.fullmatch(word) else word for word in args]
        if self.filters:  # -source=Web is a term, not the options -s -o -u …
            args = [KEPT + word if NEGATED.match(word) else word for word in args]
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a group: what the help says of it, and how it is loaded when it is wanted."""

    help: str
    load: Callable[[Any], Any]  # from the Typer context
    section: str = "Commands"
    aliases: tuple[str, ...] = ()


class Group(_Light, TyperGroup):
    """A group that knows the names and help of its commands, and loads one only when it is entered."""

    def __init__(
        self,
        *args: Any,
        entries: Mapping[str, Entry] | None = None,
        default: str | None = None,
        alone: Entry | None = None,
        silent: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.entries: Mapping[str, Entry] = entries or {}
        self.default = default  # what a first word means that is no command
        self.silent = silent  # a command that may as well be left out before one of another section
        self.alone = alone  # what the group does where no command is named
        self.named = {word: name for name, entry in self.entries.items() for word in (name, *entry.aliases)}
        _lighten(self.params)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.entries)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        if self.alone and options and not ctx.resilient_parsing:
            args = [ALONE, *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self.alone and cmd_name == ALONE:
            self.commands.setdefault(ALONE, self.alone.load(ctx))
            return self.commands[ALONE]
        name = self.named.get(cmd_name)
        if name is None:
            return None
        if name not in self.commands:
            self.commands[name] = self.entries[name].load(ctx)
        return self.commands[name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] == self.silent and self.is_elsewhere(args[1:2]):
            args = args[1:]
        if self.default and args and args[0] not in {*self.named} - {self.default}:
            return self.default, self.get_command(ctx, self.default), args
        unknown = args and args[0] not in self.named and not args[0].startswith("-")
        if unknown and not (self.alone and args[0] == ALONE) and not ctx.resilient_parsing:
            options = [name for param in self.get_params(ctx) for name in param.opts]
            own = f"--{args[0]}"
            hint = f"Did you mean {own!r}?" if own in options else suggestion(args[0], list(self.named))
            raise InvalidValue(
                f"There is no command {(ctx.command_path + ' ' + args[0])!r}.",
                hint=hint or f"`{ctx.command_path} --help` lists them.",
            )
        return super().resolve_command(ctx, args)

    def is_elsewhere(self, words: list[str]) -> bool:
        """Whether a word is a command of another section than the silent one's."""
        found = self.entries.get(self.named.get("".join(words), ""))
        return found is not None and found.section != self.entries[self.silent or ""].section

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if self.alone:  # what it does alone comes first, with its options
            self.get_command(ctx, ALONE).format_help(ctx, formatter)
            self.format_commands(ctx, formatter)
        else:
            super().format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in self.entries.items():
            sections.setdefault(entry.section, []).append((name, entry.help))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=entry.help)
            for name, entry in self.entries.items()
            if name != self.default
            and name.startswith(incomplete)
            and (incomplete or not name.startswith("_"))
        ]
        if self.default and not incomplete.startswith("-"):  # its first argument stands in the same place
            command = self.get_command(ctx, self.default)
            argument = next((param for param in command.params if param.param_type_name == "argument"), None)
            found += argument.shell_complete(ctx, incomplete) if argument is not None else []
        options = self.get_command(ctx, ALONE) if self.alone and incomplete.startswith("-") else self
        return found + TyperCommand.shell_complete(options, ctx, incomplete)
