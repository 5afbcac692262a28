# ---
# kind: wrong
# title: "One offset for the whole recording; windows whose hop is rounded to samples once"
# expect: {align: 6, windows: 9}
# says: {align: ["an offset alone"], windows: ["the error adds up from window to window"]}
# only: [align, windows]
# ---
# %% task="align" change
# was
    return float(rate), float(offset)
# now
    return 1.0, float(np.median((nearest - theirs)[pair]))
# %% task="windows" change
# was
        a, b = round(start * eeg_fs), round(start * pupil_fs)
# now
        a, b = k * round(hop_s * eeg_fs), k * round(hop_s * pupil_fs)
