# ---
# kind: alternative
# title: "Dilated convolutions as branches, nn.MultiheadAttention, learned tokens for a missing signal"
# expect: {branches: 10, fusion: 14}
# only: [branches, fusion]
# ---
# %% task="branches"
def dilated(inputs, taps):
    layers = [nn.Conv1d(inputs, 16, 1)]
    for k in range(2):
        layers += [nn.Conv1d(16, 16, taps, padding=2**k * (taps // 2), dilation=2**k), nn.GELU()]
    return nn.Sequential(*layers)


class EEGBranch(nn.Module):
    def __init__(self, channels, fs):
        super().__init__()
        self.conv, self.hop = dilated(channels, 2 * round(fs / 25) + 1), round(fs / 4)
        self.out = nn.Linear(32, 16)

    def forward(self, x):
        h = self.conv(x / 15)
        h = torch.cat([nn.functional.avg_pool1d(h, self.hop), nn.functional.avg_pool1d(h**2, self.hop)], dim=1)
        return self.out(h.transpose(1, 2))


class PupilBranch(nn.Module):
    def __init__(self, fs):
        super().__init__()
        self.conv, self.hop = dilated(2, 2 * round(fs / 20) + 1), round(fs / 4)

    def forward(self, x):
        unknown = torch.isnan(x)
        x = torch.stack([x.masked_fill(unknown, 0.0), unknown.float()], dim=1)
        return nn.functional.avg_pool1d(self.conv(x), self.hop).transpose(1, 2)


def eeg_steps(eeg, fs, seed):
    torch.manual_seed(seed)
    return EEGBranch(eeg.shape[1], fs)(torch.from_numpy(eeg)).detach().numpy()


def pupil_steps(pupil, fs, seed):
    torch.manual_seed(seed)
    return PupilBranch(fs)(torch.from_numpy(pupil)).detach()
# %% task="fusion"
def attend(query, key, value):
    scores = torch.einsum("nsd,ntd->nst", query, key) * query.shape[-1] ** -0.5
    weight = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return (weight / weight.sum(dim=-1, keepdim=True)) @ value


class Concatenation(nn.Module):
    def __init__(self, channels, eeg_fs, pupil_fs):
        super().__init__()
        self.branches = nn.ModuleList([EEGBranch(channels, eeg_fs), PupilBranch(pupil_fs)])
        self.token = nn.Parameter(torch.randn(2, 16))
        self.head = nn.Sequential(nn.Linear(64, 3))

    def both(self, eeg, pupil, present):
        out = []
        for k, x in enumerate((eeg, pupil)):
            mask = present[:, k].reshape(-1, *[1] * (x.ndim - 1))
            steps = self.branches[k](torch.where(mask, x, 0.0))
            out.append(torch.where(present[:, k].reshape(-1, 1, 1), steps, self.token[k]))
        return out

    def forward(self, *windows):
        return self.head(torch.cat([f for h in self.both(*windows) for f in (h.mean(dim=1), h.std(dim=1))], dim=1))


class CrossAttention(Concatenation):
    def __init__(self, channels, eeg_fs, pupil_fs):
        super().__init__(channels, eeg_fs, pupil_fs)
        self.look = nn.ModuleList(nn.MultiheadAttention(16, 2, batch_first=True) for _ in range(2))

    def both(self, *windows):
        e, p = super().both(*windows)
        return [e + self.look[0](e, p, p)[0], p + self.look[1](p, e, e)[0]]


def attended(query, key, value):
    with torch.no_grad():
        return np.asarray(attend(*(torch.as_tensor(np.array(each, np.float32)) for each in (query, key, value))))


def network(fusion, eeg, pupil, present, rates, seed):
    torch.manual_seed(seed)
    kind = {"attention": CrossAttention, "concatenation": Concatenation}[fusion]
    windows = torch.from_numpy(eeg).float(), torch.from_numpy(pupil).float(), torch.from_numpy(present)
    return kind(eeg.shape[1], rates[0], rates[1]), windows


def fusion_logits(fusion, eeg, pupil, present, rates, seed):
    net, windows = network(fusion, eeg, pupil, present, rates, seed)
    return net.eval()(*windows).detach().numpy()


def after_attention(eeg, pupil, present, rates, seed):
    net, windows = network("attention", eeg, pupil, present, rates, seed)
    return dict(zip(("eeg", "pupil"), (h.detach() for h in net.eval().both(*windows))))


def gradient_norms(fusion, eeg, pupil, present, levels, rates, seed):
    net, windows = network(fusion, eeg, pupil, present, rates, seed)
    nn.functional.cross_entropy(net.train()(*windows), torch.from_numpy(levels)).backward()
    return {name: float(torch.cat([p.grad.ravel() for p in net.branches[k].parameters()]).norm()) for k, name in enumerate(("eeg", "pupil"))}
