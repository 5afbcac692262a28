# ---
# kind: wrong
# title: "Answers of the right form that look at nothing"
# expect: {branches: [0, 3], fusion: [0, 2], evaluate: [0, 1], perform: 0, clean: [0, 1], align: [0, 2], windows: 0, stream: 0}
# only: [branches]
# ---
# %% task="branches"
def noise(n, steps, seed):
    return np.tile(np.random.default_rng(seed).standard_normal((1, steps, 8)), (n, 1, 1))


def eeg_steps(eeg, fs, seed):
    return noise(len(eeg), round(4 * eeg.shape[2] / fs), seed)


def pupil_steps(pupil, fs, seed):
    return noise(len(pupil), round(4 * pupil.shape[1] / fs), seed)
# %% task="fusion"
def attended(query, key, value):
    return np.repeat(value.mean(axis=1, keepdims=True), query.shape[1], axis=1)


def fusion_logits(fusion, eeg, pupil, present, rates, seed):
    return np.tile(np.random.default_rng([seed, len(fusion)]).standard_normal(3), (len(eeg), 1))


def after_attention(eeg, pupil, present, rates, seed):
    return {"eeg": np.zeros((len(eeg), 12, 8)), "pupil": np.zeros((len(eeg), 12, 8))}


def gradient_norms(fusion, eeg, pupil, present, levels, rates, seed):
    return {"eeg": 1.0, "pupil": 1.0}
# %% task="evaluate"
def subject_folds(subjects, k, seed):
    place = np.random.default_rng(seed).permutation(len(subjects)) % k
    return [{"train": np.flatnonzero((place != i) & (place != (i + 1) % k)), "val": np.flatnonzero(place == (i + 1) % k), "test": np.flatnonzero(place == i)} for i in range(k)]


def auc_by_class(levels, probability):
    return [0.5, 0.5, 0.5]


def auc_interval(levels, probability, subjects, seed):
    return {"auc": [0.5] * 4, "low": [0.4] * 4, "high": [0.6] * 4}


def cross_validate(features, levels, subjects, strengths, k, seed):
    return {"probability": np.full((len(levels), 3), 1 / 3), "chosen": [strengths[0]] * k}
# %% task="perform"
def workload_probabilities(eeg, pupil):
    return np.full((len(eeg), 3), 1 / 3)
# %% task="clean"
def clean_pupil(diameter_mm, fs):
    return np.zeros(len(diameter_mm)), np.ones(len(diameter_mm), bool)
# %% task="align"
def fit_clock(tracker_s, eeg_s):
    return 1.0, 0.0


def resample_to(time_s, x, fs, n):
    return np.zeros(n)
# %% task="windows"
def band_pass(eeg, fs):
    return eeg


def cut_windows(eeg, eeg_fs, pupil, pupil_fs, spans, window_s, hop_s, least):
    return {}
# %% task="stream"
def filter_step(chunk, state, fs):
    return chunk, state


def order_step(first, samples, state, late):
    return samples, state


def decide(probabilities, pace, margin):
    return np.argmax(probabilities, axis=1)
