"""`python -m ptx_prefect` is `ptx`."""

import sys

from ptx_prefect.cli import main

sys.exit(main())
