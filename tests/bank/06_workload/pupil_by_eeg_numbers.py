# ---
# kind: wrong
# title: "The pupil cut with the EEG's sample numbers: its windows are of other seconds"
# expect: {windows: 4}
# says: {windows: ["the pupil is cut with the EEG's sample numbers"]}
# only: [windows]
# ---
# %% task="windows" change
# was
        a, b = round(start * eeg_fs), round(start * pupil_fs)
        if a + long > eeg.shape[1] or b + short > len(pupil):
            break
# now
        a = b = round(start * eeg_fs)
        if a + long > eeg.shape[1]:
            break
        b = min(b, len(pupil) - short)
