# ---
# kind: alternative
# title: "A transformer over the epochs of a sequence; everything else as in the reference"
# expect: {networks: 8, train: 12, perform: [6, 8]}
# ---
# %% task="networks"
def block(n_in, n_out, kernel, stride=1, pool=4):
    return nn.Sequential(nn.Conv1d(n_in, n_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(n_out), nn.GELU(), nn.MaxPool1d(pool))


def blocks():
    return nn.Sequential(block(1, 16, 51, 6), block(16, 32, 7), block(32, 32, 7))


class EpochNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks, self.out = blocks(), nn.Linear(64, 5)

    def features(self, x):
        h = self.blocks(x.unsqueeze(1))
        return torch.cat([h.mean(2), h.amax(2)], 1)

    def forward(self, x):
        return self.out(self.features(x))


class SleepNet(nn.Module):
    """Each epoch a token; attention looks at all other epochs of its sequence, near ones also through a convolution."""

    def __init__(self):
        super().__init__()
        self.epoch = EpochNet()
        self.enter = nn.Linear(64, 64)
        self.near = nn.Conv1d(64, 64, 5, padding=2)  # tells where a neighbour stands, as places of their own would
        layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(64, 5)

    def forward(self, x, present):
        h = x.new_zeros(*present.shape, 64)
        h[present] = self.enter(self.epoch.features(x[present]))
        h = h + self.near(h.transpose(1, 2)).transpose(1, 2)
        return self.out(self.encoder(h, src_key_padding_mask=~present))


def epoch_logits(epochs, seed):
    torch.manual_seed(seed)
    net = EpochNet()
    net.eval()
    with torch.inference_mode():
        return net(torch.tensor(np.asarray(epochs), dtype=torch.float32)).numpy().copy()


def sequence_logits(x, present, seed):
    torch.manual_seed(seed)
    net = SleepNet()
    net.eval()
    with torch.inference_mode():
        return net(torch.tensor(np.asarray(x), dtype=torch.float32), torch.tensor(np.asarray(present, bool))).numpy().copy()
# %% task="train"
# your training loop, and helpers if you like:
import copy


def sequences_of(part, nights, numbers):
    """(m, LENGTH) positions among all epochs of the sequences of a part, -1 where not filled."""
    part, nights, numbers = np.asarray(part), np.asarray(nights), np.asarray(numbers)
    rows = make_sequences(nights[part], numbers[part], LENGTH)
    return np.where(rows >= 0, part[rows], -1)


def probability_of(net, epochs, rows, n):
    """(n, 5) probabilities of the epochs that are in `rows`, 32 sequences at a time."""
    net.eval()
    with torch.no_grad():
        parts = []
        for k in range(0, len(rows), 32):
            x, present = torch.as_tensor(np.asarray(epochs[rows[k : k + 32]])), torch.as_tensor(rows[k : k + 32] >= 0)
            parts.append(torch.softmax(net(x, present), dim=2).numpy())
    return put_back(np.concatenate(parts), rows, n)


def fit(epochs, stages, nights, numbers, fold, seed, passes):
    """The best SleepNet, the validation loss after each pass, and which pass was kept."""
    torch.manual_seed(seed)
    shuffle = np.random.default_rng(seed)
    net, y = SleepNet(), np.asarray(stages).astype(np.int64)
    train, val = (sequences_of(fold[name], nights, numbers) for name in ("train", "val"))
    share = np.bincount(y[fold["train"]], minlength=5) / len(fold["train"])
    weight = torch.as_tensor(1 / np.sqrt(np.maximum(share, 0.02)), dtype=torch.float32)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    val_loss, kept, best = [], 0, None
    for _ in range(passes):
        net.train()
        for b in np.array_split(shuffle.permutation(len(train)), max(1, len(train) // 3)):
            rows = train[b]
            present = torch.as_tensor(rows >= 0)
            logits = net(torch.as_tensor(np.asarray(epochs[rows])), present)[present]
            loss = nn.functional.cross_entropy(logits, torch.as_tensor(y[rows[rows >= 0]]), weight=weight)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
        p = probability_of(net, epochs, val, len(y))[fold["val"]]
        val_loss.append(float(-np.log(np.maximum(p[np.arange(len(p)), y[fold["val"]]], 1e-12)).mean()))
        if val_loss[-1] == min(val_loss):
            kept, best = len(val_loss) - 1, copy.deepcopy(net.state_dict())
        if len(val_loss) - 1 - kept >= PATIENCE:
            break
    net.load_state_dict(best)
    return net.eval(), val_loss, kept


RATE = 1.5e-3


def train_and_predict(epochs, stages, nights, numbers, fold, seed, passes):
    """One experiment: dict of probability (n, 5) for all epochs, val_loss (one per pass) and kept."""
    net, val_loss, kept = fit(epochs, stages, nights, numbers, fold, seed, passes)
    every = sequences_of(np.arange(len(stages)), nights, numbers)
    return {"probability": probability_of(net, epochs, every, len(stages)), "val_loss": val_loss, "kept": kept}
