# ---
# kind: wrong
# title: "The threshold is tuned on the test windows"
# expect: {train: [6, 8]}
# says: {train: [the threshold was chosen on the test windows]}
# empty: [perform, leak]
# ---
# %% task="train"
# your network, training loop, and helpers if you like:
def block(n_in, n_out, stride=1):
    """Convolution, batch normalisation, ReLU, pooling by two."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(2)
    )


class RhythmNet(nn.Module):
    """Four blocks, the mean over time, one logit."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(2, 16, stride=2), block(16, 32), block(32, 32), block(32, 64))
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return self.out(self.dropout(self.blocks(x).mean(dim=-1)))[:, 0]


def fit(windows, labels, seed):
    """A network trained for STEPS batches of 32 windows, in evaluation mode."""
    torch.manual_seed(seed)
    net = RhythmNet()
    shuffle = torch.Generator().manual_seed(seed)
    x, y = torch.as_tensor(np.array(windows)), torch.as_tensor(np.array(labels))
    counts = torch.bincount(y, minlength=2)
    weight = (len(y) / (2 * counts.clamp(min=1)))[y].float()
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=STEPS)
    net.train()
    done = 0
    while done < STEPS:
        for b in torch.randperm(len(x), generator=shuffle).split(32)[: STEPS - done]:
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[b]), y[b].float(), weight=weight[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
    return net.eval()


def probability_of(net, windows):
    """Probabilities of AF (n,), 256 windows at a time."""
    net.eval()
    with torch.no_grad():
        parts = [torch.as_tensor(np.array(windows[k : k + 256], np.float32)) for k in range(0, len(windows), 256)]
        return torch.cat([torch.sigmoid(net(x)) for x in parts]).numpy().astype(float)


def f1_threshold(labels, probability):
    """The threshold with the highest F1; of several that are as good, the middle one."""
    labels, candidates = np.asarray(labels), np.unique(probability)
    f1 = []
    for candidate in candidates:
        said = probability >= candidate
        f1.append(2 * np.sum(said & (labels == 1)) / (said.sum() + np.sum(labels == 1)))
    best = candidates[np.array(f1) >= max(f1) - 1e-9]
    return float(best[len(best) // 2])


def train_and_predict(windows, labels, fold, seed):
    """One experiment: dict of probability (n,) for all windows and threshold."""
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
    probability = probability_of(net, windows)
    return {"probability": probability, "threshold": f1_threshold(labels[fold["test"]], probability[fold["test"]])}
