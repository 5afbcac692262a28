# ---
# kind: alternative
# title: A small transformer over convolutional patches
# expect: {network: 12, train: 16, predict: 10, perform: 14}
# ---
# %% task="network"
class Transformer(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        layers, n_in = [], 1
        for n_out, stride in ((16, 2), (32, 2), (width, 1), (width, 1)):
            layers += [nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(2)]
            n_in = n_out
        self.patches = nn.Sequential(*layers)
        encoder = nn.TransformerEncoderLayer(width, 4, 96, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False)
        self.out = nn.Linear(2 * width, 1)

    def tokens(self, x):
        h = self.patches(x).transpose(1, 2)
        place = torch.arange(h.shape[1])[:, None] / 16
        waves = torch.exp(-torch.arange(h.shape[2] // 2) * 0.4)
        angle = place * waves
        h = h + 0.5 * torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)
        return self.encoder(h).transpose(1, 2)

    def forward(self, x):
        h = self.tokens(x)
        return self.out(torch.cat([h.mean(2), h.amax(2)], 1))[..., 0]


def new_network(seed):
    torch.manual_seed(seed)
    return Transformer()


def network_logits(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval()(torch.as_tensor(windows)).numpy()


def feature_map(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval().tokens(torch.as_tensor(windows)).numpy()


def count_parameters():
    return sum(p.numel() for p in Transformer().parameters())

# %% task="train"
def logits_of(net, windows):
    net.eval()
    with torch.inference_mode():
        return np.concatenate([net(torch.tensor(windows[k : k + 100])).numpy() for k in range(0, len(windows), 100)])


def fit(windows, labels, val_windows, val_labels, seed, epochs=EPOCHS + 8):
    net = new_network(seed)
    g = torch.Generator().manual_seed(seed + 1)
    x, y = torch.tensor(windows), torch.tensor(labels).float()
    optimiser = torch.optim.AdamW(net.parameters(), lr=6e-3, weight_decay=0.02)
    steps = -(-len(x) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=epochs * steps, pct_start=0.2)
    history = {"train_loss": [], "val_loss": []}
    for _ in range(epochs):
        net.train()
        running = []
        for b in torch.randperm(len(x), generator=g).split(32):
            shift = int(torch.randint(0, 400, (1,), generator=g))
            sign = torch.randint(0, 2, (len(b), 1, 1), generator=g).float() * 2 - 1
            loss = nn.functional.binary_cross_entropy_with_logits(net(torch.roll(x[b] * sign, shift, 2)), y[b])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            running.append(loss.item())
        history["train_loss"].append(float(np.mean(running)))
        z = torch.tensor(logits_of(net, val_windows))
        history["val_loss"].append(nn.functional.binary_cross_entropy_with_logits(z, torch.tensor(val_labels).float()).item())
        if history["val_loss"][-1] <= min(history["val_loss"]):
            best = {k: v.detach().clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best)
    return net, history["train_loss"], history["val_loss"]


def train_and_predict(signals, fs, labels, split, seed):
    windows = preprocess(signals, fs)
    labels = np.asarray(labels)
    net, train_loss, val_loss = fit(windows[split["train"]], labels[split["train"]], windows[split["val"]], labels[split["val"]], seed)
    probability = torch.sigmoid(torch.tensor(logits_of(net, windows)))
    return {"probability": probability.numpy().astype(float), "threshold": 0.5, "train_loss": train_loss, "val_loss": val_loss}
