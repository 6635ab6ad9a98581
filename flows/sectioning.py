"""The sectioning flow: `python flows/sectioning.py SPEC` runs a task; without a task it serves the flow."""

import sys

from ptx_prefect import sectioning

if __name__ == "__main__":
    if len(sys.argv) > 1:
        from ptx_prefect.cli import main

        sys.exit(main(["run", *sys.argv[1:]]))
    sectioning.serve(name="sectioning")
