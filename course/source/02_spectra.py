# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 02 · Spectra, filters and artefacts
#
# A heart, a brain, a muscle and a finger: four recordings, and in each something that repeats. Which rhythms are in there, how strong are
# they, and when? And what in the recording is not from the body at all? This lesson takes a recording apart into rhythms, puts it together
# again, and throws away what does not belong there, while it measures what else was lost.
#
# **What you will learn**
#
# - what sampling keeps and what it turns into something false (aliasing);
# - a heartbeat as a sum of sines and cosines, the FFT, and spectra in units that mean something;
# - leakage, windows and Welch's average; the short-time Fourier transform and wavelets: what happens *when*;
# - filters: gain, order, delay, zero phase, what they do at the ends, and the notch;
# - cleaning in practice: baseline wander, mains, muscle, blinks, motion; then resampling and cutting into epochs.
#
# **What you need.** Lesson 01 (NumPy arrays, dot products, convolution); sine and cosine from school. Complex numbers are introduced here,
# as pairs.
#
# **Time.** Reading 120 minutes; computing less than a minute on two CPU cores.
#
# **Data.** An ECG and an EEG of PhysioNet where they are present, else **simulated** ones; the sleep EEG, the EMG and the PPG are always
# simulated: made by formulas after published physiology, not from people.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": a real ECG and EEG where they are present, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci": shorter recordings; "full": longer ones
SEED = 0

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import signal

from physiodl import examples, interactive, plots, signals
from physiodl.simulate import ecg, eeg, emg, rhythm

SECONDS = {"ci": 48, "default": 60, "full": 120}[BUDGET]
KINDS = ("ecg", "eeg", "sleep_eeg", "emg", "ppg")
recordings = {}
for kind in KINDS:
    source = SOURCE if kind in ("ecg", "eeg") else "simulated"
    recordings[kind] = examples.recording(kind, source=source, seconds=SECONDS, seed=SEED)
for kind, r in recordings.items():
    print(f"{kind:9s} {r.fs:5.0f} samples per second, in {r.unit:4s}  {r.label}")
heart, brain, sleep, muscle, finger = recordings.values()

# %% [markdown]
# ## 1 · Four signals
#
# Look before you compute. Each row has its own unit and its own pace.

# %%
rows = [
    (heart, heart.channels[0], "ECG (mV)"), (brain, "O1", "EEG (µV)"),
    (muscle, muscle.channels[0], "EMG (µV)"), (finger, "PPG", "PPG (a.u.)"),
]
fig, axes = plt.subplots(4, 1, figsize=(11, 8), layout="constrained", sharex=True)
for ax, (r, channel, ylabel) in zip(axes, rows, strict=True):
    late = r.time_s >= SECONDS - 6 if r is brain else r.time_s < 6
    ax.plot(np.arange(late.sum()) / r.fs, r.channel(channel)[late], color=plots.TRACE, lw=0.7)
    ax.set(ylabel=ylabel, xlim=(0, 6))
    ax.set_title(f"{channel}: {r.label}", fontsize=9)
axes[-1].set_xlabel("time (s)")
plt.show()

# %% [markdown]
# - **ECG**, the electrocardiogram: the voltage of the heart between places on the skin, about a millivolt (mV). `MLII` names these places:
#   a *lead*. The tall spike of each beat is the **R wave**, part of the **QRS complex** (the ventricles contract); the small wave before it
#   is the P wave, the one after it the T wave.
# - **EEG**, the electroencephalogram: the voltage of the brain on the scalp, tens of microvolts (µV). `O1` lies over the back of the head,
#   `F3` over the forehead, `Fp1` above the left eye. With closed eyes many people show a rhythm of 8 to 13 waves per second at the back,
#   **alpha**. (The recording of **sleep**, from section 7 on, is of the stage that scorers call N2: light sleep.)
# - **EMG**, the electromyogram: many muscle fibres firing out of step. It looks like noise that is switched on and off.
# - **PPG**, the photoplethysmogram: light through a finger, dimmed by each pulse of blood. It has no natural unit: *a.u.*, arbitrary units.
#
# "Waves per second" has a unit: the **hertz** (Hz). A rhythm of 10 Hz repeats every 1/10 s, its **period**. Half the distance from its
# lowest to its highest point is its **amplitude**, in the unit of the signal.
#
# ## 2 · Sampling, and what it can get wrong
#
# A file holds no curve. It holds numbers, taken at equal steps: the **sampling rate** `fs` says how many per second. Here is one R wave
# with all its samples, with every third and with every ninth.

# %%
fs = heart.fs
clean_ecg = signals.filtered(heart.signal[0], fs, low=0.5, high=40)  # section 10 says what this does (order 4, its default)
r_s = heart.events["R"]
r_s = r_s[(r_s > 1) & (r_s < SECONDS - 2)]
middle = round(r_s[1] * fs)
around = np.arange(middle - round(0.15 * fs), middle + round(0.15 * fs))

fig, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharey=True)
for ax, step in zip(axes, (1, 3, 9), strict=True):
    kept = around[step // 2 :: step]
    ax.plot(1000 * (around - middle) / fs, clean_ecg[around], color="#bbbbbb", lw=1)
    ax.plot(1000 * (kept - middle) / fs, clean_ecg[kept], ".-", color=plots.BLUE, lw=1, ms=5)
    ax.set(title=f"{fs / step:.0f} Hz: highest sample {clean_ecg[kept].max():.2f} mV", xlabel="time from the R wave (ms)")
axes[0].set_ylabel("ECG (mV)")
fig.suptitle(heart.label, fontsize=9)
plt.show()

# %% [markdown]
# With few samples the tip of the wave falls between two of them. That is a loss. Worse is what happens to a fast rhythm: it does not
# vanish, it **comes back as a slow one**. In films, wheels turn backwards for this reason.
#
# The figure below has a 50 Hz oscillation, as the mains add it to any recording in Europe. **Move the sampling rate** and watch which curve
# the samples suggest. (Without a running notebook you see two settings, one above the other.)

# %%
interactive.aliasing(clean_ecg, fs, label=heart.label)

# %% [markdown]
# At 51 Hz, each sample catches the oscillation a little earlier in its wave than the one before, and 50 Hz become a slow wave of 1 Hz: 60
# per minute, the pace of a heart. At 50.2 Hz they become 0.2 Hz, the pace of breathing. Nobody can tell afterwards. This is **aliasing**.
#
# The rule: only rhythms below **half the sampling rate** (the *Nyquist frequency*, `fs / 2`) are stored as what they are. One of frequency
# `f` above it appears at its distance from the nearest multiple of `fs`: |f − k·fs| with the whole number k that makes it smallest. The
# small figure on the right draws that: a line folded at fs/2. So a device removes fast rhythms **before** it samples, with an electronic
# filter; and whoever keeps every ninth sample of a file must do the same first (section 12).
#
# <details><summary>Question: a wristband samples its PPG at 25 Hz. A lamp flickers at 100 Hz. Where does the flicker appear? And at 26
# Hz?</summary>
#
# 100 is 4 · 25: every sample meets the lamp in the same state, and the flicker becomes 0 Hz, a constant. At 26 Hz: |100 − 4 · 26| = 4 Hz,
# in the middle of the pulse's own frequencies.
#
# </details>
#
# ## 3 · A heartbeat is a sum of sines and cosines
#
# Take the typical beat of this ECG: cut it out around each R wave, and at each place take the median of all. Suppose that it repeats for
# ever, with a period of T seconds.
#
# How much of a rhythm is in it? Lesson 01 had a tool for "how well does this pattern fit": the **dot product**. Multiply the beat with a
# cosine of 3 periods per beat, sample by sample, and take the mean. Where both have the same sign the product is positive.

# %%
def typical_beat(x, fs, r_s, period_s, before_s):
    """Median over the beats of the piece that starts before_s before each R wave: (samples of one period,)."""
    length = round(period_s * fs)
    starts = np.round((r_s - before_s) * fs).astype(int)
    return np.median([x[a : a + length] for a in starts if a >= 0 and a + length <= len(x)], axis=0)


T = np.median(np.diff(r_s))
beat = typical_beat(clean_ecg, fs, r_s, T, 0.4 * T)
n = len(beat)
turn = 2 * np.pi * np.arange(n) / n  # 0 to one full turn over the beat; angles are in radians: a full turn is 2 pi
cosine = np.cos(3 * turn)

fig, axes = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained")
t_ms = 1000 * np.arange(n) / fs
axes[0].plot(t_ms, beat, color=plots.TRACE)
axes[0].set(title="typical beat", ylabel="mV", xlabel="time (ms)")
axes[1].plot(t_ms, cosine, color=plots.BLUE)
axes[1].set(title="cosine, 3 periods per beat", ylabel="no unit", xlabel="time (ms)")
axes[2].fill_between(t_ms, beat * cosine, color=plots.ORANGE, alpha=0.6)
axes[2].axhline(np.mean(beat * cosine), color=plots.TRACE, ls="--", label="mean")
axes[2].set(title=f"product: mean {np.mean(beat * cosine):.3f} mV", ylabel="mV", xlabel="time (ms)")
axes[2].legend()
plt.show()

# %% [markdown]
# One number is not enough: the rhythm could be shifted. A sine is a cosine shifted by a quarter of a period, and it turns out that the two
# together reach every shift. So the answer for k periods per beat is a **pair**: how much cosine, $a_k$, and how much sine, $b_k$, each
# *twice* the mean of the product (because the mean of cosine times cosine is 1/2). Adding all these rhythms up again gives the beat back.
# That sum is its **Fourier series** (Fourier 1822), and rhythm k is the k-th **harmonic**.

# %%
def pairs(beat):
    """How much cosine and how much sine: two arrays over k = 0, 1, 2, ..."""
    n = len(beat)
    turn = 2 * np.pi * np.arange(n) / n
    k = np.arange((n + 1) // 2)[:, None]
    a, b = 2 * np.mean(beat * np.cos(k * turn), axis=1), 2 * np.mean(beat * np.sin(k * turn), axis=1)
    a[0] /= 2  # k = 0 is the mean: a cosine that stands still, whose square has the mean 1, not 1/2
    return a, b


def rebuilt(a, b, harmonics, n):
    turn = 2 * np.pi * np.arange(n) / n
    return sum(a[k] * np.cos(k * turn) + b[k] * np.sin(k * turn) for k in range(harmonics + 1))


rest = finger.events["R"][(finger.events["R"] > 1) & (finger.events["R"] < SECONDS / 3 - 3)]  # before the walk of section 11
T_ppg = np.median(np.diff(rest))
pulse = typical_beat(finger.channel("PPG"), finger.fs, rest, T_ppg, 0)
fig, axes = plt.subplots(2, 4, figsize=(11, 4.6), layout="constrained", sharex="row", sharey="row")
for row, (wave, rate, name) in zip(axes, ((beat, fs, "ECG (mV)"), (pulse, finger.fs, "PPG (a.u.)")), strict=True):
    a, b = pairs(wave)
    for ax, harmonics in zip(row, (1, 3, 8, 25), strict=True):
        again = rebuilt(a, b, harmonics, len(wave))
        missed = np.sqrt(np.mean((wave - again) ** 2)) / wave.std()
        ax.plot(1000 * np.arange(len(wave)) / rate, wave, color="#aaaaaa", lw=2)
        ax.plot(1000 * np.arange(len(wave)) / rate, again, color=plots.BLUE, lw=1.2)
        ax.set_title(f"{harmonics} harmonic{'s' if harmonics > 1 else ''}: {100 * missed:.0f} % missing", fontsize=9)
    row[0].set_ylabel(name)
for ax in axes[1]:
    ax.set_xlabel("time (ms)")
plt.show()

# %% [markdown]
# The round pulse of a finger needs only a few harmonics. The narrow R wave needs many: **what is short in time is wide in frequency**. You
# will meet this sentence again and again.
#
# From a pair follow two numbers that are easier to read. The **amplitude** $A_k = \sqrt{a_k^2 + b_k^2}$ says how strong the rhythm is; it
# does not change when the beat is shifted in time. The **phase**, an angle in radians, says where in its period the rhythm starts
# (`np.arctan2(-b, a)`): it is what changes. The amplitudes of the two beats:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 2.8), layout="constrained")
for ax, wave, period, unit, name in ((axes[0], beat, T, "mV", "ECG"), (axes[1], pulse, T_ppg, "a.u.", "PPG")):
    a, b = pairs(wave)
    amplitude = np.hypot(a, b)[1:]
    hz = np.arange(1, len(amplitude) + 1) / period
    ax.bar(hz, amplitude, width=0.7 / period, color=plots.BLUE)
    ax.set(xlim=(0, 42), xlabel="frequency (Hz)", ylabel=f"amplitude ({unit})")
    ax.set_title(f"{name}: harmonics of {1 / period:.2f} Hz = {60 / period:.0f} beats per minute", fontsize=9)
plt.show()

# %% [markdown]
# ### A pair as one number
#
# Software keeps such a pair as one **complex number**: two numbers with a place each, written $a + \mathrm{j} b$, where j marks the second
# place. `abs` gives its length $\sqrt{a^2+b^2}$, `np.angle` its angle. A cosine and a sine that run together are
# $e^{\mathrm{j}x} = \cos x + \mathrm{j} \sin x$: a point on a circle, at the angle x. That is all we need. Multiplying the beat with
# $e^{-\mathrm{j}kx}$ and taking the mean asks for cosine and sine in one go, and gives $(a_k - \mathrm{j} b_k) / 2$.

# %%
a, b = pairs(beat)
print("pair, k = 3:             ", np.round([a[3], b[3]], 5))
print("2 * mean(beat * e^-3jx): ", np.round(2 * np.mean(beat * np.exp(-3j * turn)), 5), "  = a - jb")

# %% [markdown]
# ## 4 · The FFT: all pairs at once
#
# The **discrete Fourier transform** does this for a whole recording of N samples, as if the *recording* were one beat that repeats for
# ever; the **FFT** (fast Fourier transform; Cooley and Tukey 1965) is a clever way to compute it. Three facts turn its output into
# something with units:
#
# 1. **Frequencies.** Number k stands for k periods in the recording, which lasts N / fs seconds: its frequency is k · fs / N. These places
#    are called **bins**. They lie 1 / (length in seconds) apart: 10 s of recording give bins every 0.1 Hz.
# 2. **Amplitude.** `np.fft.rfft` gives *sums*, $\sum x\,e^{-\mathrm{j}kx}$, not means: divide by N. And the factor 2 of the pairs: double
#    it. There is another way to see this factor. A point can run round the circle forwards or backwards, and a backward turn counts as a
#    **negative frequency**. A cosine is half of a forward turn plus half of a backward one, $\cos x = (e^{\mathrm{j}x} +
#    e^{-\mathrm{j}x}) / 2$, so half of its amplitude lies at +f and half at −f, as in a mirror. For real signals the mirror image says
#    nothing new: `rfft` keeps +f only, and doubling makes the spectrum **one-sided**: all of the rhythm at +f.
# 3. **Two exceptions.** The bin at 0 Hz is the mean (engineers say DC, for direct current): it is not doubled. If N is even, the last bin
#    lies exactly at fs/2; a sine there would meet all samples at zero, so only a cosine exists, and it is not doubled either (it is its own
#    mirror image). With an odd N there is no such bin.

# %%
bins = np.fft.rfft(beat)
by_fft = np.abs(bins) / n
by_fft[1 : (n + 1) // 2] *= 2  # all but 0 Hz and, for even n, fs/2
print("amplitudes by hand:", np.round(np.hypot(*pairs(beat))[:5], 5), "mV")
print("amplitudes by FFT: ", np.round(by_fft[:5], 5), "mV")

test_t = np.arange(1001) / 250  # an odd number of samples
test = 2.0 + 0.5 * np.sin(2 * np.pi * (20 * 250 / 1001) * test_t)  # offset 2 mV; 0.5 mV at the place of bin 20
freqs, amplitude = signals.amplitude_spectrum(test, 250)
print(f"test: {amplitude[0]:.3f} mV at {freqs[0]:g} Hz, {amplitude[20]:.3f} mV at {freqs[20]:.3f} Hz,",
      f"elsewhere at most {np.delete(amplitude, [0, 20]).max():.0e} mV")

# %% [markdown]
# A test like the last one belongs beside every spectrum that you write: put in a rhythm of which you know all, and see it come out. An
# array without samples has no spectrum: say so with an error.
#
# Now two recordings:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
for ax, x, rate, unit, true_s, top, name in (
    (axes[0], heart.signal[0, : round(20 * fs)], fs, "mV", r_s[r_s < 20], 30, heart.label),
    (axes[1], finger.channel("PPG")[: round(SECONDS / 3 * finger.fs)], finger.fs, "a.u.", rest, 8, finger.label),
):
    freqs, amplitude = signals.amplitude_spectrum(x - x.mean(), rate, window="hann")  # what a window is: section 6
    searched = (freqs > 0.7) & (freqs < 3.5)
    peak = freqs[searched][np.argmax(amplitude[searched])]
    ax.plot(freqs, amplitude, color=plots.BLUE, lw=0.9)
    ax.axvline(1 / np.mean(np.diff(true_s)), color=plots.ORANGE, lw=1, ls="--", label="heart rate, from the beats")
    ax.set(xlim=(0, top), xlabel="frequency (Hz)", ylabel=f"amplitude ({unit})")
    ax.set_title(name, fontsize=9)
    ax.legend(fontsize=8)
    counted = 60 / np.mean(np.diff(true_s))
    print(f"highest peak from 0.7 to 3.5 Hz: {peak:.2f} Hz = {60 * peak:.0f} per minute; beats counted: {counted:.0f} per minute")
plt.show()

# %% [markdown]
# The PPG tells the heart rate at its highest peak, and peaks at twice and three times the rate: its harmonics. In an ECG a harmonic may
# well be higher than the first peak, because a beat is short and wide in frequency (the bars of section 3): a highest peak is not always
# the rate. Nor need it come from the beats: below 0.5 Hz the ECG shows breathing and slow wander, in the simulated recording the highest
# peak of all, near 0.25 Hz. That is why we searched from 0.7 Hz on. And the peaks are hills, not lines: no heart beats like a clock.
#
# ### Nothing gets lost: Parseval
#
# Square the samples and take the mean: the **power**, in mV² (its root is the *root mean square*, rms). A rhythm of amplitude A has the
# power A²/2. Parseval's theorem says that the powers of all bins add up to the power of the signal. It is the second test to write beside
# every spectrum.

# %%
x = heart.signal[0, : round(20 * fs)]
freqs, amplitude = signals.amplitude_spectrum(x, fs)
power = amplitude**2 / 2
power[0] = amplitude[0] ** 2  # a constant has its full square
if len(x) % 2 == 0:
    power[-1] = amplitude[-1] ** 2
print(f"mean of the squared samples: {np.mean(x**2):.6f} mV²")
print(f"sum over all bins:           {power.sum():.6f} mV²")

# %% [markdown]
# ## 5 · Amplitude or density?
#
# A muscle under steady tension gives noise: no bin is special. Take its spectrum from 1 s, then from 16 s. (The vertical axis on the right
# is **logarithmic**: each step up is ten times the one below, so that weak and strong both show.)

# %%
rng = np.random.default_rng(SEED)
tension = emg.bursts(16_000, 1000.0, on_s=np.array([[-1.0, 17.0]]), rng=rng)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
for seconds, colour in ((16, plots.BLUE), (1, plots.ORANGE)):
    x = tension[: 1000 * seconds] - tension[: 1000 * seconds].mean()
    freqs, amplitude = signals.amplitude_spectrum(x, 1000.0)
    density = amplitude**2 / 2 / (1 / seconds)  # power of a bin, divided by its width in Hz
    axes[0].plot(freqs, amplitude, color=colour, lw=0.6, label=f"{seconds} s")
    axes[1].semilogy(freqs[1:-1], density[1:-1], color=colour, lw=0.6, label=f"{seconds} s")
    print(f"{seconds:2d} s: mean amplitude per bin {amplitude.mean():5.2f} µV;",
          f"density times bin width, summed: {(density / seconds).sum():6.0f} µV²; variance {x.var():6.0f} µV²")
axes[0].set(xlabel="frequency (Hz)", ylabel="amplitude (µV)", title="amplitude spectrum: depends on the length", xlim=(0, 300))
axes[1].set(xlabel="frequency (Hz)", ylabel="density (µV²/Hz)", title="power spectral density: does not")
axes[1].set(ylim=(1, None), xlim=(0, 300))
axes[1].legend()
fig.suptitle("SIMULATED EMG, not from people", fontsize=9)
plt.show()

# %% [markdown]
# Sixteen times as long means sixteen times as many bins, and the same power is shared among them. So each gets a sixteenth of the power, a
# quarter of the amplitude. What stays is the power **per hertz**: the **power spectral density** (PSD), in µV²/Hz. Its sum times the bin
# width is the **variance**, the power without that of the mean (Parseval again).
#
# | you want | take | unit |
# |---|---|---|
# | the strength of one steady rhythm (mains, a test tone) | amplitude spectrum | µV |
# | anything like noise, and power in a band | density | µV²/Hz, summed over a band: µV² |
#
# Two slips cost a factor each: an amplitude is not a power (square it, halve it), and a spectrum in which positive and negative frequencies
# were not put together is half as high.
#
# ## 6 · Leakage, and windows against it
#
# The FFT takes the piece as one beat of an endless series. If a rhythm does not fit a whole number of times, there is a jump where the end
# meets the next start, and a jump contains all frequencies. A strong rhythm **leaks** over the whole spectrum. The cure is to fade the
# piece in and out: to multiply with a **window**, such as Hann's: one period of $(1 - \cos) / 2$.

# %%
rate, seconds = 250.0, 2.0
t = np.arange(round(rate * seconds)) / rate
two = 50 * np.cos(2 * np.pi * 10.25 * t) + 0.5 * np.sin(2 * np.pi * 20 * t)  # strong, between two bins; weak, on a bin
hann = signal.windows.hann(len(t), sym=False)  # sym=False: fits to its own repetition, as a spectrum needs it
fig, axes = plt.subplots(1, 3, figsize=(11.5, 3.1), layout="constrained", width_ratios=[1, 1, 1.5])
for ax, piece, title in ((axes[0], two, "as it is"), (axes[1], two * hann, "times a Hann window")):
    ax.plot(np.arange(2 * len(t)) / rate, np.tile(piece, 2), color=plots.TRACE, lw=0.7)
    ax.plot(seconds, 62, "v", color=plots.ORANGE, ms=7)  # here the end meets the next start
    ax.set(xlim=(1.5, 2.5), ylim=(-58, 70), title=f"{title}, repeated", xlabel="time (s)", ylabel="µV")
for window, colour in (("boxcar", "#999999"), ("hann", plots.BLUE)):
    freqs, amplitude = signals.amplitude_spectrum(two, rate, window=window)
    axes[2].semilogy(freqs, amplitude, ".-", ms=3, color=colour, lw=0.9, label="none (boxcar)" if window == "boxcar" else "Hann")
axes[2].set(xlim=(0, 40), ylim=(1e-4, 200), xlabel="frequency (Hz)", ylabel="amplitude (µV)")
axes[2].set_title("where is the 0.5 µV at 20 Hz?")
axes[2].legend()
plt.show()

# %% [markdown]
# The triangle marks where the end meets the next start: as it is, the wave breaks off at −50 and goes on at +50 µV; with the window, both
# sides are zero. (Cutting a piece out *without* fading is a window too: 1 inside, 0 outside. From its shape it is called **boxcar**.)
# On the right, without a window, the weak rhythm is a bump of 1.6 µV on a leak of 1.1 µV: to be seen, if you know where, and three times too
# high. With the window it stands a hundred times above the leak, at its true height of 0.5 µV.
# The price: a rhythm on a bin, such as the one at 20 Hz, now fills three bins instead of one, and a rhythm between two bins four high ones
# instead of two, so neighbours merge sooner. And a window makes the piece smaller, which has to be given back:
#
# - for an **amplitude**, divide the sums by the sum of the window, `w.sum()`, instead of N (then a rhythm on a bin keeps its height);
# - for a **density**, divide the squared sums by `fs * (w**2).sum()` (then noise keeps its power).
#
# <details><summary>Question: a Hann window has a mean of 1/2 and a mean square of 3/8. You divided by N all the same. How wrong are the
# amplitude of a rhythm and the density of noise?</summary>
#
# The amplitude is half of what it should be; the density 3/8. Two different factors: which is why there is no single "window correction".
#
# </details>
#
# ## 7 · Welch: a calm spectrum
#
# Here is the EEG over the back of the head, eyes closed. Grey: one FFT of the whole piece. For noise, each bin of a single FFT scatters by
# as much as its own height, **however long the recording is**: more samples give more bins, not calmer ones. Welch (1967): cut into
# overlapping windows, take the density of each, and average. With K independent windows the scatter falls by $\sqrt{K}$; the bins get
# wider: 1 / (window in seconds).

# %%
closed = brain.time_s >= SECONDS / 2 + 1  # simulated: eyes closed in the second half; the real one: all the time
o1, fp1 = brain.channel("O1")[closed], brain.channel("Fp1")[closed]
fig, ax = plt.subplots(figsize=(10, 3.6), layout="constrained")
freqs, once = signals.psd(o1, brain.fs, window_s=len(o1) / brain.fs)
ax.semilogy(freqs, once, color="#c4c4c4", lw=0.6, label="one FFT of the whole piece")
for window_s, colour in ((4.0, plots.BLUE), (0.5, plots.ORANGE)):
    freqs, density = signals.psd(o1, brain.fs, window_s=window_s)
    ax.semilogy(freqs, density, color=colour, label=f"Welch, windows of {window_s:g} s")
for name in ("theta", "alpha"):
    low, high = signals.BANDS[name]
    ax.axvspan(low, high, alpha=0.1, color=plots.BLUE if name == "alpha" else plots.ORANGE)
    ax.text((low + high) / 2, 0.93, name, ha="center", transform=ax.get_xaxis_transform())
seen = (freqs > 1) & (freqs < 40)
ax.set(xlim=(0, 40), ylim=(density[seen].min() / 10, 20 * once[:].max()), xlabel="frequency (Hz)", ylabel="density (µV²/Hz)")
ax.set_title(f"O1, eyes closed: {brain.label}", fontsize=9)
ax.legend(loc="upper right", fontsize=8)
plt.show()

# %% [markdown]
# Windows of 4 s tell alpha from its neighbours; half a second blurs it over several hertz. Long enough for the question, short enough for
# many of them.
#
# **Band power** is the density summed over a band, times the bin width, in µV². `physiodl.signals.BANDS` has the customary bands: theta 4
# to 8 Hz, alpha 8 to 13 Hz, and **sigma** 11 to 16 Hz, the band of sleep spindles (a short burst of a rhythm in light sleep; sigma shares
# 11 to 13 Hz with alpha, so never add the two). A bin that
# lies on an edge must count in one band only, so a band takes `low <= f < high`. *Relative* power is the share of the whole, without 0 Hz.
# A recording shorter than one window has no such number: SciPy then takes a shorter window and only warns, so check the length yourself.
# The alpha rhythm should be stronger at the back (`O1`) than at the front (`Fp1`), and sigma should rise while there is a spindle:

# %%
for name, x in (("O1", o1), ("Fp1", fp1)):
    powers = "   ".join(f"{band} {signals.band_power(x, brain.fs, band):6.1f} µV²" for band in ("theta", "alpha", "sigma"))
    print(f"{name:4s} {powers}   alpha is {100 * signals.band_power(x, brain.fs, 'alpha', relative=True):.0f} % of all")
back = sleep.channel("Pz-Oz")
is_spindle = np.abs(sleep.time_s[:, None] - sleep.events["spindle"]).min(axis=1) < 0.5
sigma = signals.filtered(back, sleep.fs, low=11, high=16)
print(f"sleep: sigma power {np.mean(sigma[is_spindle] ** 2):.0f} µV² within 0.5 s of a spindle's middle,",
      f"{np.mean(sigma[~is_spindle] ** 2):.0f} µV² elsewhere (simulated)")

# %% [markdown]
# ## 8 · When? The short-time Fourier transform
#
# A spectrum of the whole night says that there were spindles, not when. So slide a window along, as in Welch, but do not average: one
# spectrum per place, drawn as one column. That is the **short-time Fourier transform** (STFT), its picture a **spectrogram**. The step from
# one place to the next is the **hop**.

# %%
start = sleep.events["spindle"][sleep.events["spindle"] > 6][0] - 5
stop = start + 12
inside = (sleep.time_s >= start) & (sleep.time_s < stop)
fig, axes = plt.subplots(2, 1, figsize=(11, 4.8), layout="constrained", sharex=True, height_ratios=[1, 1.6])
axes[0].plot(sleep.time_s[inside], back[inside], color=plots.TRACE, lw=0.7)
for left, colour in ((1.0, plots.BLUE), (1.25, plots.ORANGE), (1.5, "#4a8f4a")):
    axes[0].plot(start + left + np.linspace(0, 1, 100), 40 * signal.windows.hann(100), lw=1.4, color=colour)
axes[0].set(ylabel="EEG (µV)")
axes[0].set_title(f"{sleep.label}; three neighbouring windows of 1 s, hop 0.25 s", fontsize=9)
freqs, times, amplitude = signals.stft(back, sleep.fs, window_s=1.0, overlap=0.75)
brightest = np.percentile(amplitude[freqs > 8], 99.5)
picture = axes[1].pcolormesh(times, freqs, amplitude, cmap="magma", shading="nearest", vmax=brightest)
for s in sleep.events["spindle"]:
    axes[1].plot(s, 18, "v", color="white")
axes[1].set(xlim=(start, stop), ylim=(0, 20), xlabel="time (s)", ylabel="frequency (Hz)")
fig.colorbar(picture, ax=axes[1], label="amplitude (µV)")
plt.show()

# %% [markdown]
# The triangle marks a spindle: the bright patch between 11 and 16 Hz. The bright places below 3 Hz are large slow waves, K-complexes
# (section 9 looks at one). The recipe:
#
# - a **frame** is n samples of the signal times the Hann window; the next frame lies one hop further on;
# - the time of a frame is that of its **middle**, the sample under the window's index n // 2, divided by fs. With its *start* instead, all
#   events would come half a window early;
# - amplitudes as in sections 4 and 6: divide by `w.sum()`, double all but 0 Hz and fs/2 (SciPy: `scale_to="magnitude"`,
#   `fft_mode="onesided2X"`);
# - at the ends there are two customs. Here, a frame must lie wholly in the N samples: 1 + (N − n) // hop frames (`//` drops the remainder),
#   the first in the middle of its n samples. SciPy's `ShortTimeFFT`, and the assignment, centre the first frame on **sample 0** and take
#   zeros beyond the ends: then there are N / hop frames, rounded up, and the first and last are partly empty. Both are right; say which you
#   mean. The second also works where the signal is shorter than the window.
#
# ### The trade
#
# The next recording is made for a question: two rhythms, 9 and 11 Hz, on the background of an EEG, and two sharp spikes 0.4 s apart. **Find
# a window that shows two rhythms. Find one that shows two spikes.** The white frame is one *tile*: what a single event of one rhythm is
# blurred over.

# %%
rng = np.random.default_rng(SEED)
rate = 250.0
t = np.arange(round(8 * rate)) / rate
puzzle = 15 * np.sin(2 * np.pi * 9 * t) + 15 * np.sin(2 * np.pi * 11 * t) + eeg.background(len(t), rate, rng=rng, rms_uv=4.0)
for spike_s in (3.8, 4.2):
    puzzle += 150 * np.exp(-0.5 * ((t - spike_s) / 0.012) ** 2)
interactive.stft_window(puzzle, rate, label="SIMULATED EEG, not from people", unit="µV", top=18)

# %% [markdown]
# No window shows both well. The long one has two lines and smears the spikes; the short one has two spikes, and of the rhythms one band of
# blobs, twice a second. They are real: 9 and 11 Hz run with each other and against each other 11 − 9 = 2 times a second (a *beat*, as of
# two strings slightly out of tune). The short window sees that as something that happens, the long one as two frequencies. A Hann window of T seconds blurs a rhythm over about **2 / T hertz** and an event over about **T / 2 seconds**:
# the product is 1, whatever T. What is short in time is wide in frequency. Overlap only draws the same picture with more columns; it does
# not sharpen it.
#
# So choose T from the question. In a spectrum, a rhythm under a Hann window of T seconds becomes a hill, its *main lobe*, that reaches from
# f − 2/T to f + 2/T: from foot to foot it is **4/T** wide, at half its height the **2/T** of above. Two rhythms $\Delta f$ apart begin to
# show as two hills near T = 2 / $\Delta f$; at T = 4 / $\Delta f$ the feet no longer reach the middle between them. But not longer: to see
# a burst and the pause after it, the window must fit into the burst. If $\Delta f$ times the length of the burst is about 1 or less, no
# window can do both, and no software either. How deep is the valley between two rhythms? It depends on the moment, because of the beat:

# %%
gap_hz, windows_s = 1.0, np.arange(0.5, 5.1, 0.25)
long = np.arange(round(30 * rate)) / rate
pair = np.sin(2 * np.pi * 9.5 * long) + np.sin(2 * np.pi * 10.5 * long)
average, worst = [], []
for window_s in windows_s:
    n_window = round(window_s * rate)
    frames = np.lib.stride_tricks.sliding_window_view(pair, n_window)[::25] * signal.windows.hann(n_window, sym=False)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n_window) / rate, [9.5, 10.0, 10.5]))  # lower peak, valley, upper peak
    low, valley, high = np.abs(frames @ waves).T
    worst.append(np.max(valley / np.minimum(low, high)))
    low, valley, high = np.sqrt(np.mean(np.square([low, valley, high]), axis=1))  # Welch: the mean of the squares
    average.append(valley / min(low, high))
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.plot(gap_hz * windows_s, worst, ".-", color=plots.ORANGE, label="at the worst moment (one column of an STFT)")
ax.plot(gap_hz * windows_s, average, ".-", color=plots.BLUE, label="average over time (Welch)")
ax.axhline(1, color="#999999", lw=0.8)
for place, ls in ((2, ":"), (4, "--")):
    ax.axvline(place, color="#777777", ls=ls, lw=1)
ax.set(xlabel="window in units of 1 / distance (T Δf, no unit)", ylabel="valley / lower peak", ylim=(0, 1.6))
ax.set_title("below 1: two hills. Dotted: T = 2 / distance, dashed: T = 4 / distance", fontsize=9)
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Averaged over time, there is a valley from about T = 1.5 / $\Delta f$ on, and at 2 / $\Delta f$ it is 0.7 of the peaks. But in the worst moment, when the two rhythms meet in step half-way
# between their frequencies, the valley is then as high as the peaks, and at 2.5 / $\Delta f$ still two thirds of them. Who needs a clean gap
# in **every** column takes about T = 4 / $\Delta f$.
#
# ## 9 · Wavelets: a window for every frequency
#
# An STFT has one window for all. But slow waves last long and fast ones are short, so let the window follow: always the same number of
# **cycles** (waves). Such a short wave is a **wavelet**; Morlet's is a sine and a cosine (a complex number at each time) under a bell,
# $e^{-t^2 / 2s^2}$ (Gauss's; s is its *standard deviation*: so far from the middle, 0.61 of the height are left). With `cycles` c at
# frequency f, s is $c / (2 \pi f)$ seconds; in frequency, the bell has a standard deviation of $f / c$ hertz.

# %%
fig, axes = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained", sharey=True)
tw = np.linspace(-0.6, 0.6, 1200)
for ax, (f, cycles) in zip(axes, ((5, 6), (20, 6), (20, 3)), strict=True):
    sd = cycles / (2 * np.pi * f)
    bell = np.exp(-0.5 * (tw / sd) ** 2)
    ax.plot(tw, bell * np.cos(2 * np.pi * f * tw), color=plots.BLUE, lw=1, label="cosine")
    ax.plot(tw, bell * np.sin(2 * np.pi * f * tw), color=plots.ORANGE, lw=1, label="sine")
    ax.set_title(f"{f} Hz, {cycles} cycles: {1000 * sd:.0f} ms, {f / cycles:.1f} Hz", fontsize=9)
    ax.set_xlabel("time (s)")
axes[0].legend(fontsize=8)
axes[0].set_ylabel("wavelet (no unit)")
plt.show()

# %% [markdown]
# The **wavelet transform** slides each of them along the signal and takes the dot product at every place (a convolution, lesson 01): a
# pair, so an amplitude and a phase, for every time and every frequency. The picture of the amplitudes is a **scalogram**. Four things make
# its numbers right:
#
# - the wavelet has an odd number of samples, t = 0 in the middle, and the bell has faded at both ends (five standard deviations);
# - scale the bell so that its values add up to 2: then a sine of amplitude A gives A, as before;
# - take the mean off the signal first: beyond its ends stand zeros, and a step there would light up;
# - the full convolution is longer than the signal by the length of the wavelet less one: keep the middle. Near the ends the wavelet hangs
#   over, and the values fall.
#
# Two events to look at: a **K-complex**, the largest wave of light sleep, here with a spindle after it, and R waves.

# %%
def show_scalogram(axes, x, rate, freqs, start, stop, ylabel, title):
    """Signal above, scalogram below, from start to stop (s)."""
    amplitude = np.abs(signals.scalogram(x, rate, freqs, cycles=6))
    shown = np.arange(round(start * rate), round(stop * rate))
    axes[0].plot(shown / rate, x[shown], color=plots.TRACE, lw=0.8)
    axes[0].set(xlim=(start, stop), ylabel=ylabel)
    axes[0].set_title(title, fontsize=9)
    part = amplitude[:, shown]
    picture = axes[1].pcolormesh(shown / rate, freqs, part, cmap="magma", shading="nearest", vmax=np.percentile(part, 99.7))
    axes[1].set(yscale="log", xlabel="time (s)", ylabel="frequency (Hz)")
    axes[1].set_yticks([f for f in (1, 2, 5, 10, 20, 50) if freqs[0] <= f <= freqs[-1]])
    axes[1].yaxis.set_major_formatter("{x:g}")
    axes[1].minorticks_off()
    plt.colorbar(picture, ax=axes[1], label=f"amplitude ({ylabel.split('(')[1]}", location="bottom")


k_s = sleep.events["K-complex"]
k_s = k_s[(k_s > 8) & (k_s < SECONDS - 8)]
followed = [np.any((sleep.events["spindle"] - k > 0.3) & (sleep.events["spindle"] - k < 2)) for k in k_s]
k = k_s[int(np.argmax(followed))]
fig, axes = plt.subplots(2, 2, figsize=(11, 5.6), layout="constrained", sharex="col", height_ratios=[1, 2.4])
front, some = sleep.channel("Fpz-Cz"), clean_ecg[: round(20 * fs)]
show_scalogram(axes[:, 0], front, sleep.fs, np.geomspace(0.6, 30, 50), k - 2.5, k + 3.5, "EEG (µV)", sleep.label)
show_scalogram(axes[:, 1], some, fs, np.geomspace(1, 60, 50), r_s[1] - 0.5, r_s[1] + 2.0, "ECG (mV)", heart.label)
plt.show()

# %% [markdown]
# The K-complex is a slow hill, brightest between 1 and 2 Hz, and the spindle after it a patch of its own between 11 and 16 Hz. Every R wave
# is a flame: sharp in time above 10 Hz. Further down the wavelets get longer than a beat, and the flames give way to level bands, at the
# heart rate and at its first harmonics, whichever of them are strong. There the scalogram sees the *rhythm* of the beats, above it sees the
# beats.
#
# <details><summary>Question: you want to know, to 20 ms, when a spindle of 13 Hz begins. Which number of cycles?</summary>
#
# $c / (2\pi \cdot 13) \le 0.02$ gives c of about 1.6: hardly one wave and a half, and 13 / 1.6 = 8 Hz of blur in frequency. It would no
# longer tell a spindle from alpha: a rhythm cannot be dated better than to some of its own periods.
#
# </details>
#
# ## 10 · Filters
#
# A filter changes some frequencies and leaves others. The ratio of the amplitude after it to that before is its **gain** at that frequency;
# over all frequencies, its **response**. Gains are often written in **decibel** (dB), $20 \log_{10}$ of the gain: 0 dB leaves all, −6 dB a
# half, −20 dB a tenth, −40 dB a hundredth. There are two families:
#
# - **FIR** (finite impulse response): each output is a weighted sum of the last inputs: a convolution. A plain mean over 1/50 s is one; it
#   wipes out 50 Hz.
# - **IIR** (infinite impulse response): the output also feeds on the *previous outputs*: for example `y[i] = 0.9 * y[i-1] + 0.1 * x[i]`. So
#   a few numbers do the work of many, but an input echoes for ever, ever weaker. **Butterworth**'s (1930) is the usual one: its gain has no
#   ripples, and at the **cut-off** frequency it is −3 dB (0.71, half the power).
#
# A filter that keeps what is slow is a **low-pass**, one that keeps what is fast a **high-pass**, one for a band a **band-pass**. Three
# low-passes with a cut-off of 30 Hz (for `firwin`, the cut-off is where the gain is a half, −6 dB):

# %%
many = signal.firwin(181, 30, fs=fs)  # FIR: 181 weights, designed for this gain
steep = signal.butter(6, 30, "lowpass", fs=fs, output="sos")  # IIR of order 6, as three small filters one after another ("sos")
gentle = signal.butter(2, 30, "lowpass", fs=fs, output="sos")
hz = np.linspace(0.5, 120, 600)
fig, axes = plt.subplots(1, 3, figsize=(11.5, 3.3), layout="constrained", width_ratios=[1, 1, 1.4])
piece = heart.signal[0, : round(r_s[3] * fs)]
piece = piece - np.median(piece)
shown = np.arange(len(piece) - round(1.2 * fs), len(piece) - round(0.2 * fs))
axes[2].plot(shown / fs, piece[shown], color="#aaaaaa", lw=2, label="recorded")
designs = {"FIR, 181 weights": (many, "#4a8f4a"), "IIR, order 6": (steep, plots.BLUE), "IIR, order 2": (gentle, plots.ORANGE)}
for name, (design, colour) in designs.items():
    if design.ndim == 1:
        response, after = signal.freqz(design, worN=hz, fs=fs)[1], signal.lfilter(design, 1, piece)
    else:
        response, after = signal.sosfreqz(design, worN=hz, fs=fs)[1], signal.sosfilt(design, piece)
    delay_ms = -1000 * np.gradient(np.unwrap(np.angle(response)), 2 * np.pi * hz)
    axes[0].plot(hz, 20 * np.log10(np.abs(response) + 1e-9), color=colour, label=name)
    passes = np.abs(response) > 0.03  # of what does not come through, no delay can be told
    axes[1].plot(hz[passes], delay_ms[passes], color=colour)
    axes[2].plot(shown / fs, after[shown], color=colour, lw=1)
axes[0].set(ylim=(-70, 24), xlabel="frequency (Hz)", ylabel="gain (dB)", title="response")
axes[0].legend(fontsize=7, loc="upper right")
axes[1].set(xlabel="frequency (Hz)", ylabel="delay (ms)", title="delay", ylim=(0, None), xlim=(0, 60))
axes[2].set(xlabel="time (s)", ylabel="ECG (mV)", title=heart.label)
axes[2].title.set_fontsize(9)
plt.show()

# %% [markdown]
# **Order**: how many past outputs are used. Each order makes a Butterworth steeper by 6 dB per octave (a doubling of frequency), and ring
# longer.
#
# **Phase and delay**: a filter that uses the past comes late. This FIR delays everything by the same 90 samples, half its length, and so
# keeps the shape of a wave. The IIR filters delay less, but each frequency differently: the beat is bent as well as late. Who measures
# times on an ECG must care.
#
# **Zero phase**: with the recording at hand, run the filter forwards, then backwards over the result (`sosfiltfilt`). The delays cancel.
# The gain counts twice: −6 dB instead of −3 dB at the cut-off. It cannot be done live, because it needs the future. **Causal** is what uses
# the past only.
#
# Try it: what does a low-pass of 10 Hz cost the R wave? What does a high-pass of 2 Hz do to the T wave? What changes from "forwards" to
# "both ways"?

# %%
interactive.filter_response(heart.signal[0], fs, label=heart.label)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# On the simulated ECG, with order 4: the low-pass of 10 Hz, both ways, leaves about half of the R wave's height and hardly touches the
# round T wave. The high-pass of 2 Hz takes about a tenth of the T wave, and digs a dip below the line before and after it that no heart
# made. Run forwards only, the same low-pass gives an R wave more than 40 ms late, with ripples behind it; both ways it stands at its place,
# and is somewhat lower still, because the filter has acted twice.
#
# </details>
#
# ### At the ends, and the notch
#
# A filter starts with an empty memory, as if all had been 0 before. If the recording starts at 1 mV, that is a jump, and the filter answers
# with a **transient** that lasts about one period of its cut-off: 2 s for 0.5 Hz. Start it as if the first value had lasted for ever
# (`sosfilt_zi`), or cut the beginning off. A zero-phase filter has two such ends; it extends the recording by reflection there, which is a
# guess. The extension (`padlen`) has to be shorter than the recording; one of less than a second tells nothing about 0.5 Hz anyway. And
# take the median off first: an offset of hundreds of mV, as electrodes give it, is the largest step of all.
#
# A **notch** takes out one frequency, such as the mains: 50 Hz in Europe and most of the world, 60 Hz in North America. Its **quality** Q
# says how narrow: frequency / width. But what is narrow in frequency is long in time: it **rings** after each R wave. With a
# small Q it takes out more at once and is soon done; with a large Q it takes out little, for long (the figure below). Several filters, one
# after the other, are one filter whose gains multiply (decibels add); with second-order sections (`sos`), stack them:
# `signal.iirnotch` gives a notch as two lists of weights, `b` for the inputs and `a` for the previous outputs, and `signal.tf2sos` turns
# them into sections.
#
# **Measure what you built**: send a sine of each frequency through it, look away from the ends, and compare amplitude (gain) and shift
# (phase: a full turn is 2π radians or 360 degrees) with what went in.

# %%
high_pass = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
lifted = clean_ecg[: round(6 * fs)] + 1.0
t6 = np.arange(len(lifted)) / fs
fig, axes = plt.subplots(1, 2, figsize=(11.5, 3.2), layout="constrained")
axes[0].plot(t6, signal.sosfilt(high_pass, lifted), color=plots.ORANGE, lw=1, label="empty memory")
start_state = signal.sosfilt_zi(high_pass) * lifted[0]
axes[0].plot(t6, signal.sosfilt(high_pass, lifted, zi=start_state)[0], color=plots.BLUE, lw=1, label="as if it had always been so")
axes[0].set(xlabel="time (s)", ylabel="ECG (mV)", title="high-pass 0.5 Hz on an ECG that starts at 1 mV")
axes[0].set_ylim(None, 1.75)
axes[0].legend(fontsize=8, loc="upper right")
spike = np.zeros(round(fs))
spike[len(spike) // 2] = 1.0
for q, colour in ((5, plots.ORANGE), (30, plots.BLUE)):
    width = 50 / q
    left = signals.notch(spike, fs, freq=50, q=q, zero_phase=False) - spike
    axes[1].plot(1000 * (np.arange(len(spike)) / fs - 0.5), left, color=colour, lw=1, label=f"Q = {q}: {width:.1f} Hz wide")
axes[1].set(xlabel="time after a spike of 1 mV (ms)", ylabel="added by the notch (mV)", xlim=(-50, 400))
axes[1].set_title("ringing of a 50 Hz notch")
axes[1].legend(fontsize=8)
plt.show()

b, a = signal.iirnotch(50, 30, fs=fs)
both = np.vstack([high_pass, signal.tf2sos(b, a)])  # the high-pass and the notch, one after the other
long = np.arange(round(40 * fs)) / fs
for f in (0.2, 1, 10, 50):
    tone = np.sin(2 * np.pi * f * long)
    after = signal.sosfiltfilt(both, tone, padlen=min(len(tone) - 1, round(3 * fs)))
    inner = slice(round(10 * fs), round(30 * fs))  # away from the ends; whole periods of all four
    print(f"{f:4g} Hz: gain {after[inner].std() / tone[inner].std():.3f}")

# %% [markdown]
# ## 11 · Cleaning in practice
#
# An **artefact** is what is in the recording and not from where you look. To judge a cleaning you have to know the truth. So we take a calm
# recording, *add* an artefact, clean, and ask two questions, never only one: **how much of the artefact is left, and how much of the
# signal?**
#
# ### ECG: baseline wander, mains, muscle
#
# **Wander**: breathing and moving electrodes, below 0.5 Hz. **Mains**: 50 Hz. **Muscle**: EMG from 20 Hz upwards, where QRS complexes live
# too. Here the truth is a simulated ECG without noise and **without any filter**: a truth that had gone through a filter would flatter that
# filter. Four ways to clean:

# %%
rng = np.random.default_rng(SEED)
rr = rhythm.sinus_rr(60, 0.85, variation=0.03, breathing_hz=0.25, rng=rng)  # seconds from beat to beat
kinds = {"shape": ecg.draw_shape(rng), "kind": np.zeros(60, int), "p_wave": True}  # all beats normal
truth = ecg.beats(round(30 * fs), fs, beat_s=np.cumsum(rr) - 1, rr_s=rr, rng=rng, **kinds)
t30 = np.arange(len(truth)) / fs
true_r = signal.find_peaks(truth, height=0.6 * truth.max(), distance=round(0.3 * fs))[0]  # samples
tension = emg.bursts(31_000, 1000.0, on_s=np.array([[-1.0, 40.0]]), rng=rng, amplitude_uv=40)
added = {
    "wander": 0.5 * np.sin(2 * np.pi * 0.22 * t30) + 0.2 * np.sin(2 * np.pi * 0.1 * t30),
    "mains": 0.15 * np.sin(2 * np.pi * 50 * t30 + 1),
    "muscle": signals.resampled(tension, 1000.0, fs)[: len(truth)] / 1000,  # mV
}
dirty = truth + sum(added.values())


def high_pass_and_notch(x, zero_phase):
    x = signals.filtered(x, fs, low=0.5, order=2, zero_phase=zero_phase)
    return signals.notch(x, fs, freq=50, q=10, zero_phase=zero_phase)


ways = {
    "0.5 Hz high-pass + notch": lambda x: high_pass_and_notch(x, True),
    "the same, forwards only": lambda x: high_pass_and_notch(x, False),
    "band-pass 0.5 to 40 Hz": lambda x: signals.filtered(x, fs, low=0.5, high=40, order=2),
    "band-pass 5 to 15 Hz": lambda x: signals.filtered(x, fs, low=5, high=15, order=2),
}
inner = slice(round(3 * fs), len(truth) - round(3 * fs))  # away from the ends
around = np.arange(-round(0.06 * fs), round(0.06 * fs) + 1)  # 60 ms to each side of an R wave
qrs = true_r[(t30[true_r] > 3) & (t30[true_r] < 27)][:, None] + around  # (beats, samples) places, away from the ends


def rms(x):
    """Root mean square: the square root of the power, in the unit of x."""
    return np.sqrt(np.mean(np.square(x)))


print("left over, as a share of what was added                       what is kept")
print(f"{'':26s} {'wander':>8s} {'mains':>8s} {'muscle':>8s}      {'QRS height':>10s} {'QRS off by':>11s}")
for name, way in ways.items():
    left = [rms(way(x)[inner]) / rms(x[inner]) for x in added.values()]  # these filters treat a sum as the sum of its parts
    kept = way(truth)
    before, after = (x[qrs] - x[qrs].mean(axis=1, keepdims=True) for x in (truth, kept))
    height = np.median(np.ptp(after, axis=1) / np.ptp(before, axis=1))
    changed = np.median(np.abs(after - before).max(axis=1) / np.ptp(before, axis=1))
    shares = " ".join(f"{100 * share:6.1f} %" for share in left)
    print(f"{name:26s} {shares}      {100 * height:8.0f} % {100 * changed:9.1f} %")

fig, axes = plt.subplots(3, 1, figsize=(11, 6.4), layout="constrained", sharex=True)
for ax, name in zip(axes, (None, "0.5 Hz high-pass + notch", "band-pass 5 to 15 Hz"), strict=True):
    ax.plot(t30, truth, color="#bbbbbb", lw=2, label="truth")
    ax.plot(t30, dirty if name is None else ways[name](dirty), color=plots.BLUE, lw=0.8, label=name or "with artefacts")
    ax.set(xlim=(10, 16), ylabel="ECG (mV)")
    ax.set_ylim(None, ax.get_ylim()[1] + 0.35 * np.ptp(ax.get_ylim()))  # room for the legend
    ax.legend(loc="upper right", fontsize=8, ncols=2)
axes[0].set_title("SIMULATED ECG, not from people, artefacts added", fontsize=9)
axes[-1].set_xlabel("time (s)")
plt.show()

# %% [markdown]
# Read the table by rows ("QRS off by": the largest difference within 60 ms of an R wave, as a share of the wave's height, means taken off).
#
# 1. High-pass and notch leave the QRS complex alone, and nearly all of the muscle in.
# 2. The same filters once, forwards: more wander stays, and the QRS complex has changed, because its frequencies come late by different
#    times.
# 3. The band-pass up to 40 Hz takes most of the muscle, and pays twice: a quarter of the mains stays (50 Hz is just above its cut-off), and
#    the QRS complex is off several times as much as in the first row, since it has power above 40 Hz. The narrower it is, the more it
#    loses. Fine on a screen; not what to take where beats are to stay as they are.
# 4. The last gets rid of nearly everything, and of most of the T wave and much of the R wave too: good to *find* beats, useless to
#    *measure* them.
#
# Muscle and QRS share their frequencies: no filter separates what overlaps. (In the figure, the cleaned curve lies a little below the truth:
# a high-pass makes the mean zero.)
#
# (For monitoring, a high-pass of 0.5 Hz is customary; where the level between S and T wave is read, guidelines ask for 0.05 Hz, or up to
# 0.67 Hz if it is zero phase: Kligfield et al. 2007.)
#
# <details><summary>Question: the MIT-BIH recordings were made in Boston. Where is their mains, and what would a notch at 50 Hz do for
# them?</summary>
#
# At 60 Hz. A notch at 50 Hz would leave it as it is, take a little of each QRS complex, and ring. Look at the spectrum before you filter.
#
# </details>
#
# ### EMG: how strongly, when
#
# In an EMG the noise *is* the signal. Square it, smooth it, take the root: the **envelope** says how strongly the muscle works.

# %%
x = signals.filtered(muscle.signal[0], muscle.fs, low=20, high=400)
envelope = np.sqrt(np.maximum(signals.filtered(x**2, muscle.fs, high=4, order=2), 0))
fig, ax = plt.subplots(figsize=(11, 2.6), layout="constrained")
ax.plot(muscle.time_s, x, color="#bbbbbb", lw=0.4)
ax.plot(muscle.time_s, envelope, color=plots.ORANGE, lw=2, label="envelope")
for a, b in muscle.events["contraction"]:
    ax.axvspan(a, b, color=plots.BLUE, alpha=0.12)
ax.set(xlim=(0, 12), xlabel="time (s)", ylabel="EMG (µV)")
ax.set_title(f"{muscle.label}; blue: contracted", fontsize=9)
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# ### EEG: blinks
#
# The eye is a battery, plus at the front. A blink sends a wave of 100 µV and more over the front of the head, much larger than the EEG, at
# the frequencies of slow brain waves: a high-pass takes both. But an electrode beside the eye (**EOG**, electro-oculogram) sees the blink
# far larger than any other. **Regression**: find the number b for which `EEG - b * EOG` has the least power,
# $b = \mathrm{cov}(\mathrm{EEG}, \mathrm{EOG}) / \mathrm{var}(\mathrm{EOG})$ (covariance: the mean of the product, after the means were
# taken off), and subtract (Gratton et al. 1983).
#
# There is a catch: the electrode at the eye sees **brain** too, and that gets subtracted with the rest. The blink is slow, so take only the
# slow part of the EOG (below 8 Hz). Here blinks are added to an EEG with closed eyes, so the truth is known:

# %%
rng = np.random.default_rng(SEED)
frontal = signals.filtered(brain.channel("F3")[closed], brain.fs, low=0.5, high=45)
near_eye = signals.filtered(fp1, brain.fs, low=0.5, high=45)
blink, blink_s = eeg.blinks(len(frontal), brain.fs, rng=rng, per_minute=20)
eog = blink + near_eye  # a made-up electrode beside the eye: the whole blink, and the brain as Fp1 sees it
with_blinks = frontal + 0.4 * blink


def regressed(x, eog):
    """x without what is proportional to the EOG; also the factor."""
    b = np.cov(x, eog)[0, 1] / np.var(eog, ddof=1)
    return x - b * eog, b


slow_eog = signals.filtered(eog, brain.fs, high=8)
results = {
    "nothing": with_blinks,
    "high-pass 5 Hz": signals.filtered(with_blinks, brain.fs, low=5),
    "regression on EOG": regressed(with_blinks, eog)[0],
    "regression on slow EOG": regressed(with_blinks, slow_eog)[0],
}
t_eeg = np.arange(len(frontal)) / brain.fs
during = np.abs(t_eeg[:, None] - blink_s).min(axis=1) < 0.25
apart = np.abs(t_eeg[:, None] - blink_s).min(axis=1) > 0.6
print(f"{'':24s} {'error in blinks':>16s} {'error between':>14s} {'delta kept':>11s} {'alpha kept':>11s}")
for name, x in results.items():
    delta, alpha = (
        100 * signals.band_power(x[apart], brain.fs, band) / signals.band_power(frontal[apart], brain.fs, band)
        for band in ("delta", "alpha")
    )
    error = x - frontal
    print(f"{name:24s} {rms(error[during]):13.1f} µV {rms(error[apart]):11.1f} µV {delta:9.0f} % {alpha:9.0f} %")

first = max(0.0, blink_s[0] - 1.5)
fig, axes = plt.subplots(3, 1, figsize=(11, 6), layout="constrained", sharex=True)
for ax, name in zip(axes, ("nothing", "high-pass 5 Hz", "regression on slow EOG"), strict=True):
    ax.plot(t_eeg, frontal, color="#bbbbbb", lw=2, label="truth")
    ax.plot(t_eeg, results[name], color=plots.BLUE, lw=0.8, label=name)
    ax.set(xlim=(first, first + 8), ylabel="EEG, F3 (µV)")
    ax.legend(loc="upper right", fontsize=8)
axes[0].set_title(f"{brain.label}, SIMULATED blinks added", fontsize=9)
axes[-1].set_xlabel("time (s)")
plt.show()

# %% [markdown]
# The high-pass takes the slow waves of the brain (**delta**, below 4 Hz) with the blinks. Regression on the raw EOG takes much of alpha
# too: the brain that the eye's electrode sees. The slow EOG gives alpha back; what it costs is delta.
#
# The column *error between* shows what to do next: **act only where there is something to remove**. Find the blinks first
# (`signal.find_peaks` on the slow EOG: nothing else there is so high), estimate b only around them, and subtract only there, fading in and
# out. Between blinks the EEG then stays as it was, to the last digit. (Other ways: the average blink of each channel as a *template*; with
# many channels, independent component analysis, which finds such patterns by itself but has to be told which of them are blinks.)

# %%
away_s = np.abs(t_eeg[:, None] - blink_s).min(axis=1)  # here from the known times of the blinks; in the assignment you find them
mask = np.clip((0.35 - away_s) / 0.1, 0, 1)  # 1 within 0.25 s of a blink's peak, 0 from 0.35 s on
b = regressed(with_blinks[mask == 1], slow_eog[mask == 1])[1]
error = with_blinks - b * slow_eog * mask - frontal
print(f"near blinks only: factor {b:.2f} (true: 0.40), error in blinks {rms(error[during]):.1f} µV, between {rms(error[apart]):.1f} µV")

# %% [markdown]
# ### PPG: motion
#
# A step shakes the sensor as a heartbeat fills it, and at nearly the same frequency. In the middle third of this recording somebody walks.
# A second sensor helps: an **accelerometer** feels the steps and not the heart.

# %%
ppg, steps, rate = finger.channel("PPG"), finger.channel("acceleration"), finger.fs
walk = finger.events["walking"][0]
fig, axes = plt.subplots(2, 1, figsize=(11, 5), layout="constrained", sharex=True, height_ratios=[1, 2])
axes[0].plot(finger.time_s, ppg, color=plots.TRACE, lw=0.5)
axes[0].set(ylabel="PPG (a.u.)")
axes[0].set_title(f"{finger.label}; walking from {walk[0]:.0f} to {walk[1]:.0f} s", fontsize=9)
freqs, times, amplitude = signals.stft(signals.filtered(ppg, rate, low=0.5, high=8), rate, window_s=8.0, overlap=0.95)
picture = axes[1].pcolormesh(times, freqs, amplitude, cmap="magma", shading="nearest")
r_finger = finger.events["R"]
axes[1].plot(r_finger[4:-4], 8 / (r_finger[8:] - r_finger[:-8]), color="white", ls="--", lw=1.2, label="true heart rate")
axes[1].set(ylim=(0.3, 4.5), xlim=(0, SECONDS), xlabel="time (s)", ylabel="frequency (Hz)")
axes[1].legend(loc="upper right", fontsize=8, facecolor="black", labelcolor="white")  # the line is white
fig.colorbar(picture, ax=axes[1], label="amplitude (a.u.)")
plt.show()

# %% [markdown]
# While the person walks, the brightest line is the step. Now both spectra of the walk, each scaled to a highest peak of 1. (To read the
# place of a peak finely, the piece is filled up with zeros to 2¹⁴ samples: that puts more bins on the same hills. It does not separate what
# the window has merged.)

# %%
walking = (finger.time_s > walk[0] + 1) & (finger.time_s < walk[1] - 1)
n_fft = 2**14
hz = np.fft.rfftfreq(n_fft, 1 / rate)
possible = (hz > 0.7) & (hz < 3.2)  # 42 to 192 beats per minute
spectra = {}
for name, x in (("PPG", ppg), ("acceleration", steps)):
    x = signals.filtered(x, rate, low=0.5, high=8)[walking]
    spectrum = np.abs(np.fft.rfft(x * signal.windows.hann(len(x)), n_fft))
    spectra[name] = spectrum / spectrum[possible].max()
cadence = hz[possible][np.argmax(spectra["acceleration"][possible])]
step_hz = cadence * np.array([0.5, 1, 2])  # the swing of the arm takes two steps; a step has harmonics
lobe = 2 / (np.sum(walking) / rate)  # how far the hill of one line reaches to each side, section 8
free = possible & (np.abs(hz[:, None] - step_hz).min(axis=1) > lobe)
true = 60 / np.mean(np.diff(r_finger[(r_finger > walk[0]) & (r_finger < walk[1])]))
naive = 60 * hz[possible][np.argmax(spectra["PPG"][possible])]
better = 60 * hz[free][np.argmax(spectra["PPG"][free])]

fig, ax = plt.subplots(figsize=(10, 3.2), layout="constrained")
ax.plot(hz, spectra["PPG"], color=plots.BLUE, label="PPG")
ax.plot(hz, spectra["acceleration"], color=plots.ORANGE, lw=1, label="acceleration")
for place in step_hz:
    ax.axvspan(place - lobe, place + lobe, color=plots.ORANGE, alpha=0.12)
ax.axvline(true / 60, color=plots.TRACE, ls="--", lw=1, label="true heart rate")
ax.set(xlim=(0.4, 4.5), ylim=(0, 1.15), xlabel="frequency (Hz)", ylabel="relative amplitude")
ax.set_title(f"while walking: {finger.label}", fontsize=9)
ax.legend(fontsize=8)
plt.show()
print(f"true {true:.0f}; highest peak of the PPG {naive:.0f}; highest peak away from the steps {better:.0f} beats per minute")

# %% [markdown]
# What is high in the PPG and low in the acceleration is the heart. Cutting out the shaded places is one way to say that; subtracting one
# scaled spectrum from the other is another, with no width to choose. (Mind somebody who sits still: then the accelerometer's spectrum is
# zero everywhere, and zero divided by its highest value, zero, is NaN, "not a number". Scale it only where there is something to scale.) Both fail when heart and step agree: then no spectrum can tell, and
# only the rates shortly before and after help.
#
# ## 12 · Resampling, and cutting into epochs
#
# Fewer samples, less work. But whoever takes every eighth sample of an EMG makes aliases of everything above the new fs/2 (section 2).
# `signals.resampled` filters first.

# %%
x, rate = muscle.signal[0], muscle.fs
naive, proper = x[::8], signals.resampled(x, rate, rate / 8)
fig, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
for name, piece, piece_fs, colour in (
    ("1000 Hz", x, rate, "#999999"), ("every 8th sample", naive, rate / 8, plots.ORANGE),
    ("filtered, then every 8th", proper, rate / 8, plots.BLUE),
):
    freqs, density = signals.psd(piece, piece_fs, window_s=1.0)
    ax.semilogy(freqs[1:], density[1:], color=colour, label=f"{name}: {rms(piece):.0f} µV rms")
ax.set(xlim=(0, 250), ylim=(1, None), xlabel="frequency (Hz)", ylabel="density (µV²/Hz)")
ax.set_title(muscle.label, fontsize=9)
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Taken naively, all of the power is still there, folded into 0 to 62.5 Hz, and it looks like a perfectly good spectrum.
#
# Networks want pieces of equal length: **epochs**. Sleep is read in epochs of 30 s, other work uses windows of a few seconds, often
# overlapping.

# %%
pieces = signals.epochs(brain.signal, brain.fs, 4.0, step_s=2.0)
print("recording", brain.signal.shape, "-> epochs", pieces.shape, " (epochs, channels, samples)")
alpha = signals.band_power(pieces[:, brain.channels.index("O1")], brain.fs, "alpha")
fig, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
ax.plot(2 + 2 * np.arange(len(alpha)), alpha, ".-", color=plots.BLUE)
for a, b in brain.events.get("eyes closed", ()):
    ax.axvspan(a, b, color=plots.ORANGE, alpha=0.12, label="eyes closed")
    ax.legend()
ax.set(xlabel="middle of the epoch (s)", ylabel="alpha power (µV²)", ylim=(0, None))
ax.set_title(f"O1: {brain.label}", fontsize=9)
plt.show()

# %% [markdown]
# Three rules. **Filter first, cut then**: each cut makes two new ends, with a transient at each. **Overlapping epochs share samples**:
# never let two of them fall on different sides of a split (lesson 01). **Drop what is left over** at the end, rather than padding it with
# zeros that look like a signal.
#
# ## Take away
#
# - Rhythms above fs/2 come back as false slow ones. Filter before you drop samples.
# - A spectrum asks each rhythm "how much cosine, how much sine". Amplitudes (µV) for lines, densities (µV²/Hz) for noise and band power;
#   test both with a known sine and with Parseval.
# - What is short in time is wide in frequency. A window, a wavelet and a filter each choose one place on that trade: choose it from the
#   question.
# - A filter has a gain, a delay and two ends. Zero phase needs the whole recording; live, there is a delay.
# - Judge every cleaning twice: what is left of the artefact, and what is left of the signal.
#
# ## Where next
#
# Open `assignments/02_spectra/02_spectra.ipynb`: there you write these tools yourself. Lesson 03 then lets a network find its own filters
# for atrial fibrillation.
#
# **Sources.** Fourier 1822; Cooley and Tukey 1965 (FFT); Welch 1967; Butterworth 1930; Morlet et al. 1982 and Torrence and Compo 1998
# (wavelets); Gratton, Coles and Donchin 1983 (blinks); Kligfield et al. 2007 (filters for the ECG). Moody and Mark 2001 and Zyma et al.
# 2019 for the real recordings, through PhysioNet (Goldberger et al. 2000); the simulated ones name theirs in `physiodl.simulate`.
