"""The voting flow: `python flows/voting.py SPEC` holds a vote; without a task it serves the flow."""

import sys

from ptx_prefect import voting

if __name__ == "__main__":
    if len(sys.argv) > 1:
        from ptx_prefect.cli import main

        sys.exit(main(["vote", *sys.argv[1:]]))
    voting.serve(name="voting")
