"""Import and export of every noun."""

from collections.abc import Mapping

from crmcli.commands._noun import Noun


def transfer_verbs(noun: Noun, entity: str, examples: Mapping[str, str]) -> None:
    """Give a noun import and export."""
