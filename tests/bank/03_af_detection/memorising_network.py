# ---
# kind: naive
# title: Two convolutions and a dense layer over all time steps, as once published
# expect: {network: 5, perform: [0, 3]}
# says: {network: [instead of a pooling over time, learns its training set by heart]}
# empty: [train]
# ---
# %% task="network"
class AFNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 32, 5), nn.ReLU(), nn.MaxPool1d(2)
        )
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(32 * 747, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.dense(self.features(x))[:, 0]


def new_network(seed):
    torch.manual_seed(seed)
    return AFNet()


def network_logits(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval()(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def feature_map(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval().features(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def count_parameters():
    return sum(p.numel() for p in AFNet().parameters())

# %% task="predict"
split = split_recordings(recordings.labels, groups, SEED)
train = split["train"][:200]
windows = preprocess(recordings.signals, recordings.fs)
trained = new_network(SEED)
optimiser = torch.optim.Adam(trained.parameters(), lr=1e-3)
for epoch in range(8):
    for b in np.array_split(np.random.default_rng(epoch).permutation(train), len(train) // 10):
        loss = nn.functional.binary_cross_entropy_with_logits(
            trained(torch.as_tensor(windows[b])), torch.as_tensor(recordings.labels[b]).float()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
trained.eval()


def af_logits(signals, fs):
    with torch.no_grad():
        return trained(torch.as_tensor(preprocess(signals, fs))).numpy()


def predict_af(signals, fs):
    return 1 / (1 + np.exp(-af_logits(signals, fs)))

# %% task="perform"
def classify_af(signals, fs):
    return (predict_af(signals, fs) >= 0.5).astype(int)
