"""The grader: everything an instructor runs. The ground is nbgrader, whose notebook format, gradebook and formgrader
work unchanged on a class made here; `cli` is the command `autograder`, `terminal` its output.

Notebooks from text: `source`, `lint`, `names`, `parts`, `build`. A class on disk: `klass`, `newclass`, `prepare`,
`facts`, `marks`, `results`; its record: `journal`, `verify`. Submissions come in: `intake`, `handins`, `senders`,
`archives`, `entries`. Grading: `mend` rebuilds a submission, `execute` runs it in worker processes, `record` enters
the marks; `grade`, `run`, `spool`, `regrade`, `differences` lead these steps and survive interruption. Two sides of a
run: `student`, `inside` and `kernel` behind the walls of `sandbox` and `processes`, `examiner`, `examiner_process`
and `proxy` before them, `wire` between, `examination` in charge; `doctor` tells what a machine can give. Pages:
`report`, `charts`, `items`, `attention`, `scores`, `similar`, `feedback`, `safe`, `pages`. Grades go out: `export`,
`lms`, `sheets`. Is it fair: `bank`, `demo`, `calibrate`, `reference`, `yardsticks`.
"""

import sys

__version__ = "0.1.0"

# jsonschema imports this package where it is installed, for a check of IRIs that no notebook needs; the
# import compiles a grammar, and would cost every worker and every command 3 to 5 s.
sys.modules.setdefault("rfc3987_syntax", None)
