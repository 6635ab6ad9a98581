"""Command-line coding agents as data: how each is called, which variables it needs, where it tells what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ANTHROPIC_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL")
OPENAI_KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
GOOGLE_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


@dataclass(frozen=True, slots=True)
class AgentPreset:
    """One agent.

    Args:
        argv: the call; ``{prompt}`` and ``{model}`` stand for themselves. An argument list in ``model_args`` is put
            before the prompt where a model is named.
        keys: names of the variables that it may see, beside the base environment.
        set_env: variables that make it quiet and keep it from updating itself.
        reads_usage: how its output is read: the name of a reader in ``agent_output``.
        litter: what it leaves in a workspace for itself; removed afterwards where it was not there before.
    """

    argv: tuple[str, ...]
    keys: tuple[str, ...] = ()
    model_args: tuple[str, ...] = ("--model", "{model}")
    set_env: Mapping[str, str] = field(default_factory=dict)
    reads_usage: str = "none"
    litter: tuple[str, ...] = ()


PRESETS: Mapping[str, AgentPreset] = MappingProxyType(
    {
        "claude": AgentPreset(
            argv=(
                "claude", "--print", "--output-format", "json", "--permission-mode", "acceptEdits",
                "--no-session-persistence", "{prompt}",
            ),
            keys=ANTHROPIC_KEYS,
            set_env={"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
            reads_usage="claude",
            litter=(".claude/settings.local.json",),
        ),
        "codex": AgentPreset(
            argv=(
                "codex", "exec", "--json", "--skip-git-repo-check", "--sandbox", "workspace-write", "--ephemeral",
                "{prompt}",
            ),
            keys=("CODEX_API_KEY", *OPENAI_KEYS),
            reads_usage="codex",
            litter=(".codex",),
        ),
        "aider": AgentPreset(
            argv=(
                "aider", "--yes-always", "--no-auto-commits", "--no-git", "--no-pretty", "--no-stream",
                "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--no-detect-urls",
                "--no-suggest-shell-commands", "--analytics-disable", "--message", "{prompt}",
            ),
            keys=(*ANTHROPIC_KEYS, *OPENAI_KEYS, "OPENAI_API_BASE", "ANTHROPIC_API_BASE", *GOOGLE_KEYS),
            reads_usage="aider",
            litter=(".aider*",),
        ),
        "gemini": AgentPreset(
            argv=("gemini", "--approval-mode", "auto_edit", "--output-format", "json", "--prompt", "{prompt}"),
            keys=GOOGLE_KEYS,
            reads_usage="gemini",
            litter=(".gemini",),
        ),
        "opencode": AgentPreset(
            argv=("opencode", "run", "--format", "json", "{prompt}"),
            keys=(*ANTHROPIC_KEYS, *OPENAI_KEYS, *GOOGLE_KEYS),
            set_env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
            reads_usage="opencode",
            litter=(".opencode",),
        ),
    }
)  # fmt: skip


def argv_of(
    template: tuple[str, ...],
    *,
    prompt: str,
    model: str | None,
    model_args: tuple[str, ...],
    extra: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """The call with everything filled in; the model and extra arguments come right after the program."""
    named = [part.replace("{model}", model) for part in model_args] if model and "{model}" not in template else []
    first, *rest = template
    # `codex exec --model m`: a subcommand stays in front.
    lead = [rest.pop(0)] if rest and rest[0].isalpha() else []
    filled = [part.replace("{model}", model or "").replace("{prompt}", prompt) for part in rest]
    return (first, *lead, *named, *extra, *filled)
