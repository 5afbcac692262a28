# ---
# kind: wrong
# title: "Accuracies are compared under the name of F1"
# expect: {leak: 4}
# says: {leak: [accuracy instead of F1]}
# empty: [perform]
# ---
# %% task="leak" change
# was
        found |= {f"fold_{name}": fold, f"called_{name}": called, f"f1_{name}": float(2 * hits / (called.sum() + labels.sum()))}
# now
        found |= {f"fold_{name}": fold, f"called_{name}": called, f"f1_{name}": float(np.mean(called == labels))}
