# ---
# kind: wrong
# title: The AUC is computed from decisions, and the two costs are exchanged
# expect: {evaluate: 5}
# says: {evaluate: [from decisions instead of probabilities, the two costs exchanged]}
# empty: [train, predict, perform]
# ---
# %% task="evaluate"
def evaluate(labels, probability, threshold):
    from sklearn import metrics as m

    said = (np.asarray(probability) >= threshold).astype(int)
    tn, fp, fn, tp = m.confusion_matrix(labels, said).ravel()
    return {"accuracy": m.accuracy_score(labels, said), "sensitivity": tp / (tp + fn), "specificity": tn / (tn + fp),
            "ppv": tp / max(tp + fp, 1), "auc": m.roc_auc_score(labels, said)}


def choose_threshold(labels, probability, cost_missed, cost_false_alarm):
    grid = np.append(np.unique(probability), 1.01)
    cost = [cost_false_alarm * np.sum((probability < t) & (labels == 1)) + cost_missed * np.sum((probability >= t) & (labels == 0)) for t in grid]
    return grid[int(np.argmin(cost))]
