# ---
# kind: wrong
# title: All the padding on the left; sensitivity and specificity exchanged
# expect: {conv: 9, metrics: 9}
# says:
#   conv: ["all the padding stands before the signal"]
#   metrics: ["sensitivity and specificity are exchanged"]
# ---
# %% task="conv" change
# was
        self.padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
# now
        self.padded = np.pad(x, ((0, 0), (0, 0), (2 * self.padding, 0)))
# was
        return grad_padded[:, :, self.padding : self.padding + self.samples]
# now
        return grad_padded[:, :, 2 * self.padding :]

# %% task="metrics" change
# was
        "sensitivity": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
# now
        "sensitivity": ratio(tn, tn + fp),
        "specificity": ratio(tp, tp + fn),
