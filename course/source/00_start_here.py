# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# kind: welcome
# ---

# %% [markdown]
# # Start here
#
# Welcome to **PhysioDL: deep learning for physiological data**. You will work with recordings of hearts, brains and pupils: look at
# them, prepare them, train small networks on them, and, above all, find out whether what the networks say can be believed. Everything
# runs on an ordinary laptop, without a graphics card and without an account anywhere.
#
# **What you will learn here.** How the course is laid out, how to work with its notebooks, and whether your set-up is complete.
#
# **What you need.** For the first lessons: Python loops and functions, school mathematics. Nothing about medicine. Each lesson says at its
# top what else it builds on.
#
# **Time.** Ten minutes of reading, a few seconds of computing.
#
# **Data.** None yet. The course makes its own simulated recordings unless you fetch the published ones.

# %% tags=["parameters"]
SOURCE = "auto"  # which recordings to look for: "auto", "real" or "simulated"
BUDGET = "default"
SEED = 0

# %% [markdown]
# ## Is everything there?
#
# A notebook is text and code in cells. Click into the cell below and press **Shift + Enter**: it runs, and its output appears
# under it. Every line should begin with a tick.

# %%
from physiodl import setup_check

setup_check.show()

# %% [markdown]
# ## The path
#
# Each number has a **lesson**, which explains and shows, and an **assignment**, which you solve. Run the cell to see what is there and
# what is to come, and how far you are.

# %%
from physiodl import path

path.show()

# %% [markdown]
# ## How to work
#
# 1. **Open the lesson** in the file browser on the left, folder `course`. Read it from top to bottom and run each cell with Shift + Enter.
#    Change numbers and run again: you cannot break anything. *Kernel → Restart Kernel and Run All Cells* starts afresh.
# 2. **Open the assignment** of the same number, folder `assignments`. It has three kinds of cells:
#    - *locked* cells prepare things: run them, leave them as they are;
#    - *answer* cells hold `# YOUR CODE HERE` and `raise NotImplementedError()`: replace these two lines by your code, in each place where they stand;
#    - *test* cells come after each answer. They print a line for each check: ✔ with its points, or ✘ with what was got, what was
#      expected, and the likely cause.
# 3. **Stuck?** Each task has three folded hints: the idea, the function to use, almost the code. Open one at a time.
# 4. **Before you hand in**, run all cells once from top to bottom in a fresh kernel. Then hand in the notebook file, or, if you learn alone,
#    let the tests be your teacher.
#
# Points come in parts. The *Validate* button above an assignment runs all of it at once and calls a cell with part of its points
# failed; the points count all the same.
#
# ## Which recordings?
#
# Without a network everything runs on **simulated** recordings. They follow published physiology and are as hard as the real task, but
# they are not from people: a result on them says nothing about patients, and is never set beside a published one. To work with the
# published recordings, open a terminal (*File → New → Terminal*) and run
#
#     python data_fetch.py af
#
# The notebooks find them by themselves. Each says at its top which recordings it uses.
#
# ## A word of care
#
# This is a course, not a medical device. Nothing you build here may be used to diagnose or treat anyone.
#
# ## Take away
#
# - Lesson, then assignment, of the same number; tests tell you where you stand.
# - Real recordings if you fetch them, simulated ones otherwise, always labelled.
#
# ## Where next
#
# Open the first lesson of the path above that is there.
