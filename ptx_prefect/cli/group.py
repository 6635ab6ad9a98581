"""How `ptx --help` is laid out, and what is said to a command that does not exist."""

from __future__ import annotations

import difflib
import os

import click

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("A task", ("init", "plan", "run", "vote", "review", "why", "rollback", "schema")),
    ("Merging", ("merge", "merge-file", "install-merge-driver")),
    ("Prefect", ("up", "down", "serve", "deploy")),
    ("This machine", ("doctor", "cache", "completion")),
)
"""Commands in the order in which a newcomer meets them; what is in none of them is listed last."""


class InSections(click.Group):
    """Commands under headings; the nearest known one for a command that was mistyped."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the headings with their commands."""
        placed = {name for _, names in SECTIONS for name in names}
        rest = tuple(name for name in sorted(self.commands) if name not in placed)
        width = max(len(name) for name in self.commands)
        for heading, names in (*SECTIONS, ("More", rest)):
            known = [self.commands[name] for name in names if name in self.commands]
            rows = [
                (f"{command.name:<{width}}", command.get_short_help_str(formatter.width - width - 6))
                for command in known
                if command.name and not command.hidden
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            close = difflib.get_close_matches(args[0], list(self.commands), n=1)
            hint = f"did you mean `ptx {close[0]}`?" if close else "`ptx --help` lists them."
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


def is_coloured() -> bool | None:
    """For `click.echo`: None lets it see whether there is a terminal; `NO_COLOR` (no-color.org) says no anywhere."""
    return False if os.environ.get("NO_COLOR") else None
