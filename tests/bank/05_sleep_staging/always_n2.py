# ---
# kind: naive
# title: "Everything is N2: the commonest stage, and no points"
# expect: {perform: 0}
# empty: [train]
# ---
# %% task="perform"
def stage_night(epochs, numbers):
    """Stages (n,) of the epochs (n, 3000) of one night."""
    return np.full(len(epochs), 2)
