"""The process in which a notebook's cells run. Everything that notebooks draw with is imported here, so that kernels share it."""

# First of all: it hands over, and adds the library to the path.
from job import job as job

# isort: split

import atexit
import gc
import os

import matplotlib
from ipykernel import kernelapp

from agop_dnc import drawing as drawing
from agop_dnc import notes as notes

# As in a rule's script (job.py): what libraries allocate while they are imported is never garbage.
gc.set_threshold(50_000)
atexit.register(gc.freeze)
# The results must not depend on a user's own start-up file.
os.environ.pop("PYTHONSTARTUP", None)
# As a kernel sets it before Matplotlib is imported.
matplotlib.use("module://matplotlib_inline.backend_inline")
kernelapp.launch_new_instance()
