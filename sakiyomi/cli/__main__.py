"""`python -m sakiyomi.cli`."""

import sys

from sakiyomi.cli import main

sys.exit(main())
