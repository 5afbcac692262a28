# ---
# kind: alternative
# title: "Attention pooling and AUC by boosted trees on rhythm and P waves beside it; interquartile scale; generators"
# expect: {read: 10, filter: 12, windows: 12, split: 12, weights: 8, train: 12, report: 10, perform: [7, 10], leak: 6}
# ---
# %% task="filter"
def prepare(x, fs):
    """Down to 100 Hz first, then a band-pass of order 3; the scale is an interquartile range of the first minute."""
    import pandas as pd

    table = pd.DataFrame(np.asarray(x, float).T).interpolate(limit_direction="both").fillna(0.0)
    y = signal.resample_poly(table.to_numpy() - table.iloc[0].to_numpy(), 100, int(fs), axis=0, padtype="line").T
    y = signal.sosfiltfilt(signal.butter(3, [0.5, 40], btype="band", fs=100, output="sos"), y, axis=1, padlen=300)
    out = []
    for row in y:
        pieces = [p for p in np.array_split(row[:6000], 12) if p.std() > 1e-9]
        scale = np.median([p.std() for p in pieces]) if pieces else np.inf
        out.append(row / scale)
    return np.stack(out).astype(np.float32)

# %% task="train"
class Attentive(nn.Module):
    """Convolutions, then a weighted mean over time: the network says itself where to look."""

    def __init__(self, width=24):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(2, width, 11, stride=2, padding=5), nn.GroupNorm(4, width), nn.SiLU(), nn.AvgPool1d(2),
            nn.Conv1d(width, width, 9, padding=4), nn.GroupNorm(4, width), nn.SiLU(), nn.AvgPool1d(2),
            nn.Conv1d(width, width, 9, padding=4), nn.GroupNorm(4, width), nn.SiLU(), nn.AvgPool1d(2),
        )
        self.look, self.value = nn.Conv1d(width, 4, 1), nn.Conv1d(width, 4, 1)
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        h = self.features(x)
        return self.out((self.look(h).softmax(dim=2) * self.value(h)).sum(dim=2))[:, 0]


def focal(z, y, weight):
    loss = nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    return (weight * (1 - torch.exp(-loss)) * loss).mean()


def fit(windows, labels, seed):
    torch.manual_seed(seed)
    net = Attentive()
    x, y = torch.tensor(np.array(windows)), torch.tensor(np.array(labels), dtype=torch.float32)
    of = [torch.nonzero(y == k)[:, 0] for k in (0, 1)]
    pick = torch.Generator().manual_seed(seed + 1)
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, STEPS + 60)
    for _ in range(STEPS + 60):  # as many windows of AF as of sinus rhythm in each batch: no weights needed
        b = torch.cat([part[torch.randint(0, len(part), (16,), generator=pick)] for part in of if len(part)])
        loss = focal(net(x[b]), y[b], 1.0)
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
    return net.eval()


def probability_of(net, windows):
    with torch.no_grad():
        return torch.cat([net(torch.tensor(part)).sigmoid() for part in np.array_split(np.array(windows, np.float32), 1 + len(windows) // 300)]).numpy()


def f1_threshold(labels, probability):
    def f1(t):
        said = probability >= t
        return 2 * (said & (labels == 1)).sum() / (said.sum() + (labels == 1).sum())

    return float(max(np.unique(probability), key=f1))


def train_and_predict(windows, labels, fold, seed):
    p = probability_of(fit(windows[fold["train"]], labels[fold["train"]], seed), windows)
    return {"threshold": f1_threshold(labels[fold["val"]], p[fold["val"]]), "probability": p}

# %% task="perform"
from sklearn.ensemble import HistGradientBoostingClassifier

from physiodl import ecg


def described(window):
    """How irregular the beats are, and how alike the 0.2 s before them: a P wave repeats itself, noise does not."""
    at = ecg.r_peaks(window[0], 100.0)
    rr = np.diff(at) / 100
    row = [len(at), *ecg.rr_features(window[0], 100.0)]
    row += [np.median(np.abs(np.diff(rr))) / rr.mean() if len(rr) > 2 else 0.0]
    inside = at[at >= 30]
    for lead in window:
        before = np.array([lead[k - 28 : k - 7] for k in inside])
        if len(before) < 3:
            row += [0.0, 0.0, 0.0]
            continue
        before = before - before.mean(axis=1, keepdims=True)
        mean = before.mean(axis=0)
        power = np.abs(np.fft.rfft(lead * np.hanning(500))) ** 2
        row += [mean.std() / (before.std() + 1e-9), np.ptp(mean), power[20:46].sum() / power[2:200].sum()]
    return row


table = np.array([described(window) for window in cohort.signals])
parts = patient_folds(cohort.labels, cohort.subjects, 4, SEED)
pairs, held = [], np.zeros(len(cohort))
for number, part in enumerate(parts):
    known = np.concatenate([part["train"], part["test"]])
    net = fit(cohort.signals[known], cohort.labels[known], SEED + number)
    trees = HistGradientBoostingClassifier(max_iter=60, max_depth=3, random_state=0).fit(table[known], cohort.labels[known])
    pairs.append((net, trees))
    held[part["val"]] = (probability_of(net, cohort.signals[part["val"]]) + trees.predict_proba(table[part["val"]])[:, 1]) / 2
threshold = (0.5 + f1_threshold(cohort.labels, held)) / 2


def predict_af(windows, fs):
    rows = np.array([described(window) for window in windows])
    return np.mean([(probability_of(net, windows) + trees.predict_proba(rows)[:, 1]) / 2 for net, trees in pairs], axis=0)


def classify_af(windows, fs):
    return (predict_af(windows, fs) >= threshold) * 1
