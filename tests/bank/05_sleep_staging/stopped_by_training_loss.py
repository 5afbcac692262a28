# ---
# kind: wrong
# title: "The training loss is watched; validation subjects play no part"
# expect: {train: [6, 10]}
# says: {train: [no early stopping]}
# empty: [perform]
# ---
# %% task="train" change
# was
        if len(val_loss) - 1 - kept >= PATIENCE:
            break
# now
