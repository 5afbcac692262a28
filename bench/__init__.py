"""Benchmarks: time, memory and scores of the course's references, everything compared within one run.

`make bench` runs all of them. Times depend on the machine; read the ratios.
"""
