# SPDX-License-Identifier: MIT
"""
The form of a run: FAULTS=long tries every fault under both write policies, and loads for twice as long; less than 5 minutes. Else
faults take turns with the policies: less than 90 s. FAULTS_SEED makes the clients ask the same again; what comes of it still
depends on the machine.
"""

import os
import random

IS_LONG = os.environ.get("FAULTS") == "long"
SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
