"""`python -m cloakroom`."""

import sys

from cloakroom._cli import main

sys.exit(main())
