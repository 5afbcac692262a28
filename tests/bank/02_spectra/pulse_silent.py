# ---
# kind: wrong
# title: The spectrum of a silent accelerometer is divided by its maximum, 0
# expect: {pulse: 9, amplitude: 14, stft: 16, window: 10, bands: 12, filter: 14, wavelet: 10, blinks: 10}
# says: {pulse: ["dividing by its maximum gives NaN"]}
# ---
# %% task="pulse"
def heart_rate(ppg, acc, fs):
    if len(ppg) != len(acc) or len(ppg) < 5 * fs:
        raise ValueError("too short")
    band = signal.butter(2, (0.6, 8.0), "bandpass", fs=fs, output="sos")
    freqs = np.fft.rfftfreq(2**15, 1 / fs)
    ok = (freqs > 0.7) & (freqs < 3.1)
    spectra = []
    for x in (ppg, acc):
        x = signal.sosfiltfilt(band, x - np.mean(x))
        spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 2**15))[ok]
        with np.errstate(invalid="ignore"):
            spectra.append(spectrum / spectrum.max())
    return 60 * freqs[ok][np.argmax(spectra[0] - spectra[1])]
