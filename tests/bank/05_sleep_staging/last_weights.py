# ---
# kind: wrong
# title: "The state_dict that was kept goes on changing, so the last weights are returned"
# expect: {train: [8, 10]}
# says: {train: [copy.deepcopy]}
# empty: [perform]
# ---
# %% task="train" change
# was
            kept, best = len(val_loss) - 1, copy.deepcopy(net.state_dict())
# now
            kept, best = len(val_loss) - 1, net.state_dict()
