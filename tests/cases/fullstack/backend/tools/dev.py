"""Everything a developer runs by hand: `python tools/dev.py <command>`."""

import subprocess
import sys

COMMANDS = {}


def command(function):
    """Make a function callable by its name."""
    COMMANDS[function.__name__] = function
    return function


@command
def commands():
    """What can be called."""
    print(", ".join(sorted(COMMANDS)))


# frontend

# backend


@command
def api():
    """Start the backend."""
    return subprocess.call(["npm", "run", "api"])


# database

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1] if len(sys.argv) > 1 else "commands"]())
