# ---
# kind: wrong
# title: Only the strongest frequency of the accelerometer is masked, not its harmonics
# expect: {pulse: [6, 11], amplitude: 14, stft: 16, window: 10, bands: 12, filter: 14, wavelet: 10, blinks: 10}
# says: {pulse: ["at its harmonics"]}
# ---
# %% task="pulse"
def heart_rate(ppg, acc, fs):
    if len(ppg) != len(acc) or len(ppg) < 5 * fs:
        raise ValueError("too short")
    x = signal.sosfiltfilt(signal.butter(2, (0.6, 8.0), "bandpass", fs=fs, output="sos"), ppg)
    freqs = np.fft.rfftfreq(2**15, 1 / fs)
    pulse, motion = (np.abs(np.fft.rfft(np.hanning(len(v)) * v, 2**15)) for v in (x, acc))
    heart = (freqs > 0.7) & (freqs < 3.1)
    step = freqs[np.argmax(motion * heart)]
    pulse[np.abs(freqs - step) < 0.15 * (motion.max() > 1e-6)] = 0
    motion = 0 * motion
    pulse, motion = pulse / pulse[heart].max(), motion / (motion[heart].max() + 1e-9)
    return 60 * freqs[heart][np.argmax((pulse - motion)[heart])]
