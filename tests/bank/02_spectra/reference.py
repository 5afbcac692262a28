# ---
# kind: reference
# title: The solution that ships with the course
# expect: {amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# ---
