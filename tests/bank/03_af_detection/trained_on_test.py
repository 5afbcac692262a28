# ---
# kind: wrong
# title: The test recordings are among the training recordings
# expect: {train: 11}
# says: {train: [trained or stopped on test recordings]}
# empty: [predict, perform]
# ---
# %% task="train"
import copy

bce = nn.functional.binary_cross_entropy_with_logits


def logits_of(net, windows):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(torch.as_tensor(windows[k : k + 128])) for k in range(0, len(windows), 128)]).numpy()


def fit(windows, labels, val_windows, val_labels, seed, epochs=EPOCHS):
    net = new_network(seed)
    shuffle = torch.Generator().manual_seed(seed)
    x, y = torch.as_tensor(windows), torch.as_tensor(labels, dtype=torch.float32)
    y_val = torch.as_tensor(val_labels, dtype=torch.float32)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=epochs * -(-len(x) // 32))
    train_loss, val_loss, kept = [], [], None
    for _ in range(epochs):
        net.train()
        total = 0.0
        for b in torch.randperm(len(x), generator=shuffle).split(32):
            flip = 1.0 - 2.0 * torch.randint(0, 2, (len(b), 1, 1), generator=shuffle)
            shift = int(torch.randint(0, 1000, (1,), generator=shuffle))
            loss = bce(net(torch.roll(flip * x[b], shift, dims=-1)), y[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(b)
        train_loss.append(total / len(x))
        val_loss.append(bce(torch.as_tensor(logits_of(net, val_windows)), y_val).item())
        if val_loss[-1] == min(val_loss):
            kept = copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net, train_loss, val_loss


def train_and_predict(signals, fs, labels, split, seed):
    windows = preprocess(signals, fs)
    train, val = np.concatenate([split["train"], split["test"]]), split["val"]
    net, train_loss, val_loss = fit(windows[train], labels[train], windows[val], labels[val], seed)
    probability = 1 / (1 + np.exp(-logits_of(net, windows)))
    threshold = 0.5
    return {"probability": probability, "threshold": threshold, "train_loss": train_loss, "val_loss": val_loss}
