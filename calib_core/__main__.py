"""``python -m calib_core`` is ``calibwb``."""

import sys

from calib_core.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
