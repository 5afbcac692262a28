# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 300
# total_timeout_s: 900
# ---

# %% [markdown]
# # Assignment 06: mental workload from EEG and pupil, in real time
#
# You build the way from an amplifier and an eye tracker to a workload level that is decided four times a second: clean the pupil, bring two clocks together, cut windows that
# hold the same seconds of both signals, write a branch for each signal and two ways to join them, evaluate by subject, and run it all on a stream that knows no future. The
# lesson `course/06_workload.ipynb` teaches every step.
#
# **What you need.** The lesson of this number; from 01 and 03 networks, ROC AUC, bootstrap; from 04 folds of subjects. NumPy, SciPy and PyTorch as the lessons use them. You may
# take ideas and lines from the lessons and call what `physiodl` and SciPy offer; the point is that you can say why each line is there.
#
# **Time.** About 8 hours of work. One run from top to bottom computes for about a minute on two CPU cores.
#
# **Data.** *Simulated* EEG (19 channels, 125 Hz) and *simulated* pupils (60 Hz) of people who do sums at three levels of difficulty. The course grades on simulated people, so the
# network is trained on simulated ones, whatever you have fetched. Nothing found here is true of patients, pilots or pupils at school.
#
# | task | points | you define |
# |---|---|---|
# | clean | 10 | `clean_pupil` |
# | align | 10 | `fit_clock`, `resample_to` |
# | windows | 10 | `band_pass`, `cut_windows` |
# | branches | 10 | |
# | fusion | 14 | |
# | evaluate | 12 | |
# | stream | 16 | `filter_step`, `order_step`, `decide` |
# | perform | 12 | |
# | transitions | 6 | a text, read by a person |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line
# for every check, with the points, and says what it got, what it expected and the likely cause. Test cells call
# only the functions the task names, so inside you may write whatever you like. When your work is graded, the same cells
# run with other recordings and other people. Partial points count: nbgrader's *Validate*
# button calls a cell with partial points failed, the points are yours all the same.

# %% tags=["parameters"]
SOURCE = "auto"  # people are simulated here, whatever this says
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import numpy as np
import torch
from scipy import signal
from torch import nn

from physiodl import data, exam, signals
from physiodl.exam import workload as probe
from physiodl.exam import workload_networks as nets

torch.set_num_threads(min(2, torch.get_num_threads()))  # more threads make networks this small slower, not faster
exam.begin("06_workload", source=SOURCE, seed=SEED)

# %% [markdown]
# ## Task 1: clean the pupil (10 points)
#
# Statement follows.

# %% role="answer" task="clean"
def answer_clean():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="clean" points=10
# asks: answer_clean
task = exam.task("clean", points=10)
with task.check("follows", 10):
    exam.same(answer_clean(), 0)
task.points()

# %% [markdown]
# ## Task 2: bring two clocks together (10 points)
#
# Statement follows.

# %% role="answer" task="align"
def answer_align():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="align" points=10
# asks: answer_align
task = exam.task("align", points=10)
with task.check("follows", 10):
    exam.same(answer_align(), 0)
task.points()

# %% [markdown]
# ## Task 3: windows of both signals (10 points)
#
# Statement follows.

# %% role="answer" task="windows"
def answer_windows():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="windows" points=10
# asks: answer_windows
task = exam.task("windows", points=10)
with task.check("follows", 10):
    exam.same(answer_windows(), 0)
task.points()

# %% [markdown]
# ## Task 4: two branches (10 points)
#
# Statement follows.

# %% role="answer" task="branches"
def answer_branches():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="branches" points=10
# asks: answer_branches
task = exam.task("branches", points=10)
with task.check("follows", 10):
    exam.same(answer_branches(), 0)
task.points()

# %% [markdown]
# ## Task 5: two ways to join them (14 points)
#
# Statement follows.

# %% role="answer" task="fusion"
def answer_fusion():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="fusion" points=14
# asks: answer_fusion
task = exam.task("fusion", points=14)
with task.check("follows", 14):
    exam.same(answer_fusion(), 0)
task.points()

# %% [markdown]
# ## Task 6: evaluate by subject (12 points)
#
# Statement follows.

# %% role="answer" task="evaluate"
def answer_evaluate():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="evaluate" points=12
# asks: answer_evaluate
task = exam.task("evaluate", points=12)
with task.check("follows", 12):
    exam.same(answer_evaluate(), 0)
task.points()

# %% [markdown]
# ## Task 7: a stream that knows no future (16 points)
#
# Statement follows.

# %% role="answer" task="stream"
def answer_stream():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="stream" points=16
# asks: answer_stream
task = exam.task("stream", points=16)
with task.check("follows", 16):
    exam.same(answer_stream(), 0)
task.points()

# %% [markdown]
# ## Task 8: people never seen (12 points)
#
# Statement follows.

# %% role="answer" task="perform"
def answer_perform():
    """Follows."""
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


# %% role="test" task="perform" points=12
# asks: answer_perform
task = exam.task("perform", points=12)
with task.check("follows", 12):
    exam.same(answer_perform(), 0)
task.points()

# %% [markdown]
# ## Task 9: errors around transitions (6 points, read by a person)
#
# Statement follows.

# %% [markdown] role="written" task="transitions" points=6
# ### BEGIN SOLUTION
# Follows.
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# - Follows (6).
# ### END MARK SCHEME

# %% [markdown]
# ## Take away
#
# - What is filled in, shifted or filtered must be known to whoever cuts the windows: a label belongs to seconds, not to sample numbers.
# - A stream knows no future. Whatever gives the same answer for any chunks, and does not change when the future does, may go on line.
