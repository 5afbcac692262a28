# ---
# kind: wrong
# title: "Pulse k of the tracker taken for pulse k of the EEG"
# expect: {align: 8}
# says: {align: ["find out which belong together first"]}
# only: [align]
# ---
# %% task="align" change
# was
    differences = np.sort((ours[None, :] - theirs[:, None]).ravel())
    count = np.searchsorted(differences, differences + 0.25, side="right") - np.arange(len(differences))
    first = int(count.argmax())
    rate, offset = 1.0, float(np.median(differences[first : first + count[first]]))
    middle = theirs.mean()
    for near_s in (0.25, 0.05, 0.05):
        guess = rate * theirs + offset
        nearest = ours[np.abs(ours[None, :] - guess[:, None]).argmin(axis=1)]
        pair = np.abs(nearest - guess) <= near_s
        slope, level = np.polyfit(theirs[pair] - middle, (nearest - theirs)[pair], 1)
        rate, offset = 1 + slope, level - slope * middle
# now
    n = min(len(theirs), len(ours))
    rate, offset = np.polyfit(theirs[:n], ours[:n], 1)
