"""`python -m sakiyomi_cli.main`."""

import sys

from sakiyomi_cli.main import main

if __name__ == '__main__':  # worker processes import this file too
    sys.exit(main())
