"""Platform: sales and support teams build, test and run AI agents."""

import gc
import os

__version__ = "0.2.0"

# The matrices here are small. On them the threads of OpenBLAS spin while they wait for each other: a passage took five
# times the processor time that it takes with one thread. Read when numpy is imported, so it is set before.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The modules make hundreds of thousands of objects that stay. To look through them every 700 took a fifth of a start.
gc.set_threshold(5_000, 10, 10)
