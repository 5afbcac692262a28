# ---
# kind: wrong
# title: Softmax inside the network, and a loss that applies it again
# expect: {network: 12, predict: 6}
# says: {predict: [ends in softmax]}
# ---
# %% task="network"
def block(n_in, n_out, stride=1):
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(2)
    )


class AFNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(1, 16, stride=2), block(16, 32, stride=2), block(32, 48), block(48, 64))
        self.out = nn.Linear(128, 2)

    def forward(self, x):
        h = self.blocks(x)
        return torch.softmax(self.out(torch.cat([h.mean(dim=-1), h.amax(dim=-1)], dim=1)), dim=1)


def new_network(seed):
    torch.manual_seed(seed)
    return AFNet()


def network_logits(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval()(torch.as_tensor(np.asarray(windows, np.float32)))[:, 1].numpy()


def feature_map(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval().blocks(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def count_parameters():
    return sum(p.numel() for p in AFNet().parameters())

# %% task="train"
import copy


def outputs_of(net, windows):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(torch.as_tensor(windows[k : k + 128]))[:, 1] for k in range(0, len(windows), 128)]).numpy()


logits_of = outputs_of


def fit(windows, labels, val_windows, val_labels, seed, epochs=EPOCHS):
    net, shuffle = new_network(seed), torch.Generator().manual_seed(seed)
    x, y = torch.as_tensor(windows), torch.as_tensor(labels)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    train_loss, val_loss, kept = [], [], None
    for _ in range(epochs):
        net.train()
        losses = []
        for b in torch.randperm(len(x), generator=shuffle).split(32):
            loss = nn.functional.cross_entropy(net(x[b]), y[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        train_loss.append(float(np.mean(losses)))
        p = np.clip(outputs_of(net, val_windows), 1e-7, 1 - 1e-7)
        val_loss.append(float(-np.mean(np.where(val_labels == 1, np.log(p), np.log(1 - p)))))
        if val_loss[-1] == min(val_loss):
            kept = copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net, train_loss, val_loss


def train_and_predict(signals, fs, labels, split, seed):
    windows = preprocess(signals, fs)
    train, val = split["train"], split["val"]
    net, train_loss, val_loss = fit(windows[train], labels[train], windows[val], labels[val], seed)
    return {"probability": outputs_of(net, windows), "threshold": 0.5, "train_loss": train_loss, "val_loss": val_loss}

# %% task="predict"
split = split_recordings(recordings.labels, groups, SEED)
split["train"] = split["train"][:240]
windows = preprocess(recordings.signals, recordings.fs)
trained, _, _ = fit(windows[split["train"]], recordings.labels[split["train"]], windows[split["val"]], recordings.labels[split["val"]], SEED)


def af_logits(signals, fs):
    return outputs_of(trained, preprocess(signals, fs))


def predict_af(signals, fs):
    return af_logits(signals, fs)

# %% task="perform"
def classify_af(signals, fs):
    return (predict_af(signals, fs) >= 0.5).astype(int)
