"""`ptx completion`: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ptx_prefect.cli.commands import ptx
from ptx_prefect.cli.exit_codes import OK


@ptx.command(short_help="Print what a shell needs to complete ptx.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script of SHELL.

    \b
    bash: ptx completion bash > ~/.local/share/bash-completion/completions/ptx
    zsh:  ptx completion zsh  > "${fpath[1]}/_ptx"
    fish: ptx completion fish > ~/.config/fish/completions/ptx.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # `Choice` lets through only what click knows
    click.echo(kind(ptx, {}, "ptx", "_PTX_COMPLETE").source())
    return OK
