"""What a notebook's kernel runs first."""

import atexit
import gc

# As for a rule's script (job.py): nothing that libraries allocate while they are imported is garbage.
gc.set_threshold(50_000)
atexit.register(gc.freeze)
del atexit, gc
