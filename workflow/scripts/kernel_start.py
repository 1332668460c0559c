"""Configure a notebook's kernel before it runs the first cell."""

import atexit
import gc

# As in a rule's script (job.py): what libraries allocate while they are imported is never garbage.
gc.set_threshold(50_000)
atexit.register(gc.freeze)
del atexit, gc
