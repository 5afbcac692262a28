# ---
# kind: alternative
# title: "GRUs as branches, one transformer over the steps of both, logistic regression in PyTorch for what is graded"
# expect: {branches: 10, fusion: 14, evaluate: 12, perform: [10.5, 12]}
# only: [branches, fusion, evaluate, perform]
# ---
# %% task="branches"
class EEGBranch(nn.Module):
    def __init__(self, channels, fs):
        super().__init__()
        self.hop = round(fs / 4)
        self.mix = nn.Conv1d(channels, 12, 2 * round(fs / 12) + 1, padding=round(fs / 12))
        self.gru = nn.GRU(12, 12, batch_first=True, bidirectional=True)

    def forward(self, x):
        power = nn.functional.avg_pool1d((self.mix(x / 20)) ** 2, self.hop)
        return self.gru(torch.log(0.01 + power).transpose(1, 2))[0]


class PupilBranch(nn.Module):
    def __init__(self, fs):
        super().__init__()
        self.hop = round(fs / 4)
        self.gru = nn.GRU(2, 12, batch_first=True, bidirectional=True)

    def forward(self, x):
        known = torch.isfinite(x).float()
        both = torch.stack([torch.nan_to_num(x, nan=0.0), known], dim=1)
        return self.gru(nn.functional.avg_pool1d(both, self.hop).transpose(1, 2))[0]


def fresh_branch(kind, arguments, x, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        return kind(*arguments)(torch.tensor(x, dtype=torch.float32)).numpy()


def eeg_steps(eeg, fs, seed):
    return fresh_branch(EEGBranch, (eeg.shape[1], fs), eeg, seed)


def pupil_steps(pupil, fs, seed):
    return fresh_branch(PupilBranch, (fs,), pupil, seed)
# %% task="fusion"
def attend(query, key, value):
    return nn.functional.scaled_dot_product_attention(query, key, value)


class Concatenation(nn.Module):
    def __init__(self, channels, eeg_fs, pupil_fs):
        super().__init__()
        self.eeg, self.pupil = EEGBranch(channels, eeg_fs), PupilBranch(pupil_fs)
        self.nobody = nn.Embedding(2, 24)
        self.out = nn.Linear(48, 3)

    def steps(self, eeg, pupil, present):
        found = []
        for k, (branch, x) in enumerate(((self.eeg, eeg), (self.pupil, pupil))):
            there = present[:, k]
            length = branch(torch.zeros_like(x[:1])).shape[1]
            h = self.nobody.weight[k].expand(len(x), length, 24).clone()
            if there.any():
                h[there] = branch(x[there])
            found.append(h)
        return found

    def forward(self, eeg, pupil, present):
        return self.out(torch.cat([h.mean(dim=1) for h in self.steps(eeg, pupil, present)], dim=1))


class CrossAttention(Concatenation):
    def __init__(self, channels, eeg_fs, pupil_fs):
        super().__init__(channels, eeg_fs, pupil_fs)
        self.layer = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.1, batch_first=True)

    def together(self, eeg, pupil, present):
        e, p = self.steps(eeg, pupil, present)
        h = self.layer(torch.cat([e, p], dim=1))
        return h[:, : e.shape[1]], h[:, e.shape[1] :]

    def forward(self, eeg, pupil, present):
        return self.out(torch.cat([h.mean(dim=1) for h in self.together(eeg, pupil, present)], dim=1))


def as_tensors(eeg, pupil, present):
    return torch.tensor(eeg, dtype=torch.float32), torch.tensor(pupil, dtype=torch.float32), torch.tensor(present)


def make(fusion, channels, rates, seed):
    torch.manual_seed(seed)
    return (Concatenation if fusion == "concatenation" else CrossAttention)(channels, *rates)


def attended(query, key, value):
    with torch.no_grad():
        return np.asarray(attend(*(torch.as_tensor(np.array(each, np.float32)) for each in (query, key, value))))


def fusion_logits(fusion, eeg, pupil, present, rates, seed):
    net = make(fusion, eeg.shape[1], rates, seed).eval()
    with torch.inference_mode():
        return net(*as_tensors(eeg, pupil, present)).tolist()


def after_attention(eeg, pupil, present, rates, seed):
    net = make("attention", eeg.shape[1], rates, seed).eval()
    with torch.inference_mode():
        e, p = net.together(*as_tensors(eeg, pupil, present))
    return {"eeg": e.numpy(), "pupil": p.numpy()}


def gradient_norms(fusion, eeg, pupil, present, levels, rates, seed):
    net = make(fusion, eeg.shape[1], rates, seed)
    nn.CrossEntropyLoss()(net(*as_tensors(eeg, pupil, present)), torch.tensor(levels).long()).backward()
    return {name: sum(p.grad.square().sum().item() for p in getattr(net, name).parameters() if p.grad is not None) ** 0.5 for name in ("eeg", "pupil")}
# %% task="evaluate"
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def subject_folds(subjects, k, seed):
    names = sorted(set(subjects))
    np.random.default_rng(seed).shuffle(names)
    parts = [names[i::k] for i in range(k)]
    folds = []
    for i in range(k):
        of = lambda wanted: np.array([j for j, name in enumerate(subjects) if name in wanted])
        test, val = parts[i], parts[i - 1]
        folds.append({"train": of(set(names) - {*test, *val}), "val": of(val), "test": of(test)})
    return folds


def auc_by_class(levels, probability):
    return np.array([roc_auc_score(np.asarray(levels) == c, np.asarray(probability)[:, c]) for c in range(3)])


def auc_interval(levels, probability, subjects, seed):
    levels, probability, subjects = map(np.asarray, (levels, probability, subjects))
    names, rng, rows = np.unique(subjects), np.random.RandomState(seed % 2**32), []
    place = {name: np.flatnonzero(subjects == name) for name in names}
    order = [np.argsort(probability[:, c], kind="stable") for c in range(3)]
    while len(rows) < 1000:
        take = np.concatenate([place[name] for name in rng.choice(names, len(names))])
        each = []
        for c in range(3):
            yes, no = np.sort(probability[take, c][levels[take] == c]), probability[take, c][levels[take] != c]
            above, at_least = np.searchsorted(yes, no, "right"), np.searchsorted(yes, no, "left")
            each.append((len(yes) - (above + at_least) / 2).mean() / len(yes))
        rows.append([*each, sum(each) / 3])
    own = auc_by_class(levels, probability)
    return {"auc": [*own, own.mean()], "low": np.percentile(rows, 2.5, axis=0), "high": np.percentile(rows, 97.5, axis=0)}


def cross_validate(features, levels, subjects, strengths, k, seed):
    out, chosen = np.full((len(levels), 3), np.nan), []
    for fold in subject_folds(subjects, k, seed):
        best = (-1.0, None, None)
        for c in strengths:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500)).fit(features[fold["train"]], levels[fold["train"]])
            reached = auc_by_class(levels[fold["val"]], model.predict_proba(features[fold["val"]])).mean()
            if reached > best[0]:
                best = (reached, c, model)
        chosen.append(best[1])
        out[fold["test"]] = best[2].predict_proba(features[fold["test"]])
    return {"probability": out, "chosen": chosen}
# %% task="perform"
spectrum_hz = np.fft.rfftfreq(250, 1 / 125)


def bands(eeg):
    parts = np.abs(np.fft.rfft(eeg.reshape(*eeg.shape[:2], 2, 250) * np.hanning(250), axis=-1)) ** 2
    mean = parts.mean(axis=2)
    edges = (1, 4, 8, 13, 20, 30)
    return np.log(np.concatenate([mean[..., (spectrum_hz >= a) & (spectrum_hz < b)].mean(axis=-1) for a, b in zip(edges, edges[1:])], axis=1) + 1e-6)


def sizes(pupil):
    filled = np.where(np.isfinite(pupil).any(axis=1)[:, None], pupil, 0.0)
    mean = np.nanmean(filled, axis=1)
    filled = np.where(np.isfinite(filled), filled, mean[:, None])
    return 5 * np.stack([mean, filled[:, -60:].mean(axis=1) - filled[:, :60].mean(axis=1), filled.std(axis=1)], axis=1)


x, p, y = np.asarray(cohort.signals), np.asarray(cohort.columns["pupil"]), cohort.labels
known = np.isfinite(p).any(axis=1)
plain = lambda c: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500))
by_eeg, by_pupil = plain(0.01).fit(bands(x), y), plain(1.0).fit(sizes(p[known]), y[known])


def workload_probabilities(eeg, pupil):
    score = np.zeros((len(eeg), 3))
    there = np.isfinite(eeg).all(axis=(1, 2))
    if there.any():
        score[there] += by_eeg.predict_log_proba(bands(eeg[there]))
    there = np.isfinite(pupil).any(axis=1)
    if there.any():
        score[there] += by_pupil.predict_log_proba(sizes(pupil[there]))
    out = np.exp(score)
    return out / out.sum(axis=1, keepdims=True)
