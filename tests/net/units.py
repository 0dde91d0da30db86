"""Prints the units of job files as JSON, a line each, seeing some processors and holding some memory more.

``python units.py PROCESSORS MIB JOB...``
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from calib_core.jobs.plan import make_plan
from calib_core.jobs.spec import JobSpec

processors, more, *jobs = sys.argv[1:]
os.sched_getaffinity = lambda _: set(range(int(processors)))
held = np.ones(int(more) << 20, np.uint8)
for job in jobs:
    plan = make_plan(JobSpec.read(Path(job)))
    print(json.dumps([asdict(unit) for unit in plan.units]))
    plan.close()
