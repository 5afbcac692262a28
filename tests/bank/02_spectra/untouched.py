# ---
# kind: broken
# title: Two tasks were never written, one stops with an error
# expect: {stft: 0, filter: 0, blinks: 0}
# says: {stft: [still holds its placeholder], filter: [still holds its placeholder], blinks: [your code stopped with KeyError]}
# empty: [stft, filter]
# ---
# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    return {}["clean"]
