# ---
# kind: alternative
# title: Residual network with two outputs, other filters, a split written by hand
# expect: {explore: 6, split: 12, preprocess: 12, network: 12, train: 16, predict: 10, evaluate: 10, perform: 14}
# ---
# %% task="explore"
def describe(signals, labels, groups, fs):
    durations = []
    for row in np.asarray(signals)[:, 0]:
        used = np.flatnonzero(row)
        durations.append((used[-1] + 1) / fs if used.size else 0.0)
    groups = list(groups)
    return {"n": int(len(signals)), "n_af": int(sum(labels)), "duration_s": durations,
            "n_repeated": sum(groups.count(g) > 1 for g in groups)}

# %% task="split"
def split_recordings(labels, groups, seed):
    labels, groups = np.asarray(labels), np.asarray(groups)
    rng = np.random.default_rng(seed)
    parts = {"train": [], "val": [], "test": []}
    aim = {"train": 0.6, "val": 0.2, "test": 0.2}
    for kind in (0, 1):
        mine = [g for g in np.unique(groups) if round(labels[groups == g].mean()) == kind]
        total = sum(np.sum(groups == g) for g in mine)
        have = dict.fromkeys(parts, 0)
        for g in rng.permutation(mine):
            members = np.flatnonzero(groups == g)
            part = min(parts, key=lambda p: have[p] / (aim[p] * total))
            parts[part].extend(members.tolist())
            have[part] += len(members)
    return {name: sorted(index) for name, index in parts.items()}

# %% task="preprocess"
def preprocess(signals, fs):
    out = []
    for row in np.asarray(signals, dtype=np.float64)[:, 0]:
        used = np.flatnonzero(row)
        x = row[: used[-1] + 1] if used.size else np.zeros(int(fs))
        x = x - signal.savgol_filter(x, int(0.6 * fs) // 2 * 2 + 1, 2) if len(x) > fs else x
        low = signal.firwin(101, 38.0, fs=fs)
        x = np.convolve(x, low, mode="same")
        t = np.arange(0, len(x) / fs, 0.01)[:3000]
        x = np.interp(t, np.arange(len(x)) / fs, x)
        centre, spread = np.median(x), np.percentile(x, 97.5) - np.percentile(x, 2.5)
        x = np.tanh((x - centre) / (spread + 1e-9)) * 3 if spread > 1e-9 else np.zeros_like(x)
        out.append(np.pad(x, (0, 3000 - len(x))))
    return np.asarray(out, dtype=np.float32)[:, None, :]

# %% task="network"
class Residual(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.first = nn.Conv1d(n_in, n_out, 9, stride=2, padding=4)
        self.second = nn.Conv1d(n_out, n_out, 9, padding=4)
        self.norms = nn.ModuleList([nn.BatchNorm1d(n_out), nn.BatchNorm1d(n_out)])
        self.skip = nn.Conv1d(n_in, n_out, 1, stride=2)

    def forward(self, x):
        h = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(h)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(1, 16, 11, stride=2, padding=5), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2))
        self.stages = nn.Sequential(Residual(16, 24), Residual(24, 32), Residual(32, 48))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(96, 2))

    def maps(self, x):
        return self.stages(self.stem(x))

    def forward(self, x):
        h = self.maps(x)
        return self.head(torch.cat((h.mean(2), h.max(2).values), 1))


def build(seed):
    torch.manual_seed(seed)
    return ResNet().eval()


@torch.no_grad()
def network_logits(windows, seed):
    two = build(seed)(torch.from_numpy(np.ascontiguousarray(windows)))
    return (two[:, 1] - two[:, 0]).tolist()


@torch.no_grad()
def feature_map(windows, seed):
    return build(seed).maps(torch.from_numpy(np.ascontiguousarray(windows))).numpy()


def count_parameters():
    return float(sum(p.numel() for p in ResNet().parameters()))

# %% task="train"
@torch.no_grad()
def difference(net, windows):
    net.eval()
    outputs = [net(torch.from_numpy(windows[k : k + 64])) for k in range(0, len(windows), 64)]
    two = torch.cat(outputs)
    return (two[:, 1] - two[:, 0]).numpy()


def learn(windows, labels, val_windows, val_labels, seed):
    net = build(seed)
    order = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-4)
    losses, val_losses, best = [], [], {}
    epochs = EPOCHS + 2
    for epoch in range(epochs):
        for group in optimiser.param_groups:  # cosine, by hand
            group["lr"] = 2e-3 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        net.train()
        sums = []
        for batch in np.array_split(order.permutation(len(labels)), max(1, len(labels) // 24)):
            x = torch.from_numpy(np.roll(windows[batch], order.integers(0, 500), axis=2) * order.choice([-1, 1], (len(batch), 1, 1)).astype(np.float32))
            loss = nn.functional.cross_entropy(net(x), torch.as_tensor(np.asarray(labels)[batch]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            sums.append(float(loss))
        losses.append(np.mean(sums))
        z, y = difference(net, val_windows), np.asarray(val_labels)
        val_losses.append(np.mean(np.logaddexp(0, z) - y * z))
        if not best or val_losses[-1] < best["loss"]:
            best = {"loss": val_losses[-1], "weights": {k: v.clone() for k, v in net.state_dict().items()}}
    net.load_state_dict(best["weights"])
    return net, losses, val_losses


def train_and_predict(signals, fs, labels, split, seed):
    ready = preprocess(signals, fs)
    a, b = np.asarray(split["train"]), np.asarray(split["val"])
    net, losses, val_losses = learn(ready[a], labels[a], ready[b], labels[b], seed)
    return {"probability": 1 / (1 + np.exp(-difference(net, ready))), "threshold": 0.5, "train_loss": losses, "val_loss": val_losses}

# %% task="predict"
parts = split_recordings(recordings.labels, groups, SEED)
ready = preprocess(recordings.signals, recordings.fs)
model, _, _ = learn(ready[parts["train"]], recordings.labels[parts["train"]], ready[parts["val"]], recordings.labels[parts["val"]], SEED)


def af_logits(signals, fs):
    return difference(model, preprocess(signals, fs))


def predict_af(signals, fs):
    return torch.sigmoid(torch.as_tensor(af_logits(signals, fs))).numpy()

# %% task="evaluate"
def evaluate(labels, probability, threshold):
    from sklearn import metrics as m

    said = (np.asarray(probability) >= threshold).astype(int)
    return {"accuracy": m.accuracy_score(labels, said), "sensitivity": m.recall_score(labels, said, zero_division=0),
            "specificity": m.recall_score(labels, said, pos_label=0), "ppv": m.precision_score(labels, said, zero_division=0),
            "auc": m.roc_auc_score(labels, probability)}


def choose_threshold(labels, probability, cost_missed, cost_false_alarm):
    order = np.sort(np.unique(probability))
    between = np.concatenate([[0.0], (order[:-1] + order[1:]) / 2, [1.01]])
    prices = [cost_missed * np.sum(labels[probability < t]) + cost_false_alarm * np.sum(1 - labels[probability >= t]) for t in between]
    return between[np.argmin(prices)]

# %% task="perform"
def classify_af(signals, fs):
    return [int(p >= 0.5) for p in predict_af(signals, fs)]
