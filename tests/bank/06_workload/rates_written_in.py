# ---
# kind: wrong
# title: "60 and 125 Hz are written into everything"
# expect: {clean: 9, align: 8, windows: [3, 5], stream: 14}
# says: {clean: ["is written in"], align: ["the grid is k / fs"], windows: ["125 Hz is written into the filter"], stream: ["another rate than fs is written in"]}
# only: [clean, align, windows, stream]
# ---
# %% task="clean" change
# was
    margin = round(0.15 * fs)
# now
    margin = 9
# %% task="align" change
# was
    grid = np.arange(n) / fs
# now
    grid = np.arange(n) / 60
# %% task="windows" change
# was
    return signals.filtered(np.asarray(eeg, float), fs, low=1.0, high=40.0)
# now
    return signals.filtered(np.asarray(eeg, float), 125.0, low=1.0, high=40.0)
# was
    long, short = round(window_s * eeg_fs), round(window_s * pupil_fs)
# now
    eeg_fs, pupil_fs = 125.0, 60.0
    long, short = round(window_s * eeg_fs), round(window_s * pupil_fs)
# %% task="stream" change
# was
    sos = signal.butter(4, (1, 40), "bandpass", fs=fs, output="sos")
# now
    sos = signal.butter(4, (1, 40), "bandpass", fs=125, output="sos")
