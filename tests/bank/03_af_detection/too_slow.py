# ---
# kind: broken
# title: An answer that never ends
# expect: {explore: 0, split: 12}
# empty: [preprocess, network, train, predict, evaluate, perform]
# ---
# %% task="explore"
def describe(signals, labels, groups, fs):
    while True:
        pass
