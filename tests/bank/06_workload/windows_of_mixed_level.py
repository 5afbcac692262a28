# ---
# kind: wrong
# title: "A window has the level it begins with, and mixed ones are kept"
# expect: {windows: 8}
# says: {windows: ["the level at the start or the middle", "only windows with a purity of at least"]}
# only: [windows]
# ---
# %% task="windows" change
# was
        if purity > 0 and purity >= least - 1e-9:
            found = (eeg[:, a : a + long], pupil[b : b + short], start, int(cover.argmax()), purity)
# now
        if purity >= 0:
            level = next((level for begin, stop, level in spans if begin <= start < stop), 0)
            found = (eeg[:, a : a + long], pupil[b : b + short], start, level, purity)
