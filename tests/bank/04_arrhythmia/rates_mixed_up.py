# ---
# kind: wrong
# title: "Annotation samples at 360 Hz are used as positions at 100 Hz"
# expect: {windows: 10}
# says: {windows: [samples of 360 Hz]}
# empty: [train, perform, leak]
# ---
# %% task="windows" change
# was
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
# now
            parts = [(start / 100, stop / 100) for start, stop, label in rhythms if label == name]
