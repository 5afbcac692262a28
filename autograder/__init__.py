"""The grader: everything an instructor runs.

`source`, `lint` and `build` turn the authors' percent text into notebooks; `newclass` makes a class on
disk, `klass` keeps it; `mend` rebuilds what students hand in, `execute` runs it in worker processes with
the limits of `kernel`, `record` turns test cells into marks and writes them to nbgrader's gradebook,
`grade` leads the three; `results` reads what came out and `report` writes the pages people read; `bank`
makes submissions for the tests, `demo` an example class of them; `cli` is the command `autograder`. The
ground is nbgrader: its notebook format, gradebook, formgrader and feedback work unchanged on a class made
here.
"""

import sys

__version__ = "0.1.0"

# jsonschema imports this package where it is installed, for a check of IRIs that no notebook needs; the
# import compiles a grammar, and would cost every worker and every command 3 to 5 s.
sys.modules.setdefault("rfc3987_syntax", None)
