# ---
# kind: wrong
# title: "The training loss is watched; validation subjects play no part"
# expect: {train: [6, 10]}
# says: {train: [no early stopping]}
# empty: [perform]
# ---
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
        for b in np.array_split(shuffle.permutation(len(train)), max(1, len(train) // 8)):
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
    net.load_state_dict(best)
    return net.eval(), val_loss, kept


RATE = 3e-3


def train_and_predict(epochs, stages, nights, numbers, fold, seed, passes):
    """One experiment: dict of probability (n, 5) for all epochs, val_loss (one per pass) and kept."""
    net, val_loss, kept = fit(epochs, stages, nights, numbers, fold, seed, passes)
    every = sequences_of(np.arange(len(stages)), nights, numbers)
    return {"probability": probability_of(net, epochs, every, len(stages)), "val_loss": val_loss, "kept": kept}
